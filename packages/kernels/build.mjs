/**
 * Compiles src/c into dist/velum-{wide,fma,portable}.wasm and their shared-memory twins with the npm clang (runs on
 * Node >= 20). Nothing is done while dist/build.json carries the hash of the sources, of this file and of the compiler version.
 *
 *   node packages/kernels/build.mjs [--force]
 *
 * The compiler is itself WASM and cannot spawn its linker: compiling and linking are separate calls.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMPILER = '@yowasp/clang';
const FMA = ['-msimd128', '-mrelaxed-simd'];
const PORTABLE = ['-msimd128'];
/** Memory that threads share, and a stack that each instance may place. The maximum is the loader's. */
const SHARED = {
  compile: ['-matomics'],
  link: ['--shared-memory', `--max-memory=${65535 * 65536}`, '--export=__stack_pointer'],
};
/** Four lanes in the files that can have them (src/c/lanes.h). */
const WIDE = '-DWIDE_LANES';
const BUILDS = {
  wide: { compile: [...FMA, WIDE], link: [] },
  fma: { compile: FMA, link: [] },
  portable: { compile: PORTABLE, link: [] },
  'wide-shared': { compile: [...FMA, WIDE, ...SHARED.compile], link: SHARED.link },
  'fma-shared': { compile: [...FMA, ...SHARED.compile], link: SHARED.link },
  'portable-shared': { compile: [...PORTABLE, ...SHARED.compile], link: SHARED.link },
};
const CFLAGS = [
  '--target=wasm32-unknown-unknown',
  '-std=c17',
  '-O3',
  '-ffreestanding',
  '-fno-math-errno',
  // A product and a sum may only be fused where the source says so: both builds must give the same bits.
  '-ffp-contract=off',
  '-mbulk-memory',
  '-mllvm',
  '-disable-lsr',
  '-Wall',
  '-Wextra',
  '-Werror',
];
const LDFLAGS = [
  '--no-entry',
  '--export-dynamic',
  '--export=__heap_base',
  '--import-memory',
  '--stack-first',
  '-z',
  'stack-size=65536',
  '--strip-all',
];

const here = dirname(fileURLToPath(import.meta.url));
const sourceDir = join(here, 'src', 'c');
const dist = join(here, 'dist');
const stamp = join(dist, 'build.json');

const names = readdirSync(sourceDir)
  .filter((name) => /\.[ch]$/.test(name))
  .sort();
const sources = Object.fromEntries(names.map((name) => [name, readFileSync(join(sourceDir, name), 'utf8')]));

function fail(message) {
  console.error(`kernels: ${message}`);
  process.exit(1);
}

function compilerVersion() {
  for (let dir = here; ; dir = dirname(dir)) {
    const file = join(dir, 'node_modules', COMPILER, 'package.json');
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).version;
    if (dir === dirname(dir)) return undefined;
  }
}

const version = compilerVersion();
const hash = createHash('sha256');
hash.update(
  JSON.stringify([
    CFLAGS,
    LDFLAGS,
    BUILDS,
    version ?? '',
    readFileSync(fileURLToPath(import.meta.url), 'utf8'),
  ]),
);
for (const name of names) hash.update(`\0${name}\0${sources[name]}`);
const key = hash.digest('hex');

function upToDate() {
  if (process.argv.includes('--force')) return false;
  if (!Object.keys(BUILDS).every((name) => existsSync(join(dist, `velum-${name}.wasm`)))) return false;
  try {
    return JSON.parse(readFileSync(stamp, 'utf8')).hash === key;
  } catch {
    return false;
  }
}

/** Objects by name and flags: files without `#define WIDE` are the same in the wide builds. */
const compiled = new Map();

async function build(runLLVM, { compile, link }) {
  const options = {
    fetchProgress: () => {},
    stdout: null,
    stderr: (bytes) => bytes && process.stderr.write(bytes),
  };
  const run = async (args, files, what) => {
    try {
      return await runLLVM(args, files, options);
    } catch (error) {
      return fail(`${what} failed: ${error.message}`);
    }
  };
  const objects = {};
  for (const name of names.filter((file) => file.endsWith('.c'))) {
    const object = name.replace(/\.c$/, '.o');
    const flags = sources[name].includes('#define WIDE') ? compile : compile.filter((flag) => flag !== WIDE);
    const known = [name, ...flags].join(' ');
    if (!compiled.has(known)) {
      const args = ['clang', ...CFLAGS, ...flags, '-c', '-o', object, name];
      compiled.set(known, (await run(args, sources, `compiling ${name}`))[object]);
    }
    objects[object] = compiled.get(known);
  }
  const out = await run(
    ['wasm-ld', ...LDFLAGS, ...link, '-o', 'k.wasm', ...Object.keys(objects)],
    objects,
    'linking',
  );
  return out['k.wasm'];
}

if (!upToDate()) {
  let runLLVM;
  try {
    ({ runLLVM } = await import(COMPILER));
  } catch (error) {
    fail(
      `cannot load the compiler ${COMPILER} (${error.code ?? error.message}); run \`npm ci\` in the repository root`,
    );
  }
  const started = performance.now();
  const built = {};
  for (const [name, flags] of Object.entries(BUILDS)) built[name] = await build(runLLVM, flags);
  // Written aside and renamed, so that a reader never sees half a module.
  mkdirSync(dist, { recursive: true });
  for (const [name, bytes] of Object.entries(built)) {
    const temporary = join(dist, `velum-${name}.wasm.${process.pid}`);
    writeFileSync(temporary, bytes);
    renameSync(temporary, join(dist, `velum-${name}.wasm`));
  }
  rmSync(stamp, { force: true });
  writeFileSync(stamp, `${JSON.stringify({ hash: key, compiler: `${COMPILER} ${version}` }, null, 2)}\n`);
  const sizes = Object.entries(built).map(([name, bytes]) => `${name} ${bytes.length} bytes`);
  console.log(`kernels: built ${sizes.join(', ')} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
