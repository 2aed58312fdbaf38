/** Vite gives the URL of an asset. @module */
declare module '*.wasm?url' {
  const url: string;
  export default url;
}
