/**
 * The import rules of the workspace (imports point downward only), as a function from source files to
 * findings, so that the rules themselves can be tested.
 * @module
 */
import { posix } from 'node:path';
import ts from 'typescript';
import type { SourceFile } from './repository.ts';

/** Package name without its scope, to the packages below it. A new package is placed here or the test fails. */
const BELOW: Record<string, readonly string[]> = {
  kernels: [],
  fhe: ['kernels'],
  runtime: ['kernels', 'fhe'],
  compiler: ['kernels', 'fhe', 'runtime'],
  programs: ['kernels', 'fhe'],
  federated: ['kernels', 'fhe', 'runtime', 'compiler', 'programs'],
  client: ['kernels', 'fhe', 'runtime', 'programs'],
  server: ['kernels', 'fhe', 'runtime', 'compiler', 'programs', 'federated'],
  cli: ['kernels', 'fhe', 'runtime', 'compiler', 'programs', 'federated', 'client', 'server'],
};

/** Packages that a browser loads: nothing from outside the workspace, and Node's modules in `node.ts` alone. */
const BROWSER_SAFE: ReadonlySet<string> = new Set(['kernels', 'fhe', 'runtime', 'programs', 'client']);

const SCOPE = '@velum/';

/** The fields of a package.json that the rules read. */
export interface Manifest {
  readonly exports?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

export interface Workspace {
  /** Sources of all packages: `packages/NAME/src/**\/*.ts`. */
  readonly sources: readonly SourceFile[];
  /** Manifest per package folder name. */
  readonly manifests: Readonly<Record<string, Manifest>>;
  /** Names in the root's devDependencies: tests may import them. */
  readonly rootDevDependencies: readonly string[];
}

/** One import as written: the module's name, or undefined where it is computed at run time. */
export interface Import {
  readonly specifier: string | undefined;
  readonly line: number;
}

/**
 * Every static import, re-export, dynamic import, `require` and `import()` type of a module, in order, and the
 * modules it starts as workers: `new URL('./worker.ts', import.meta.url)`.
 */
export function importsOf(file: SourceFile): Import[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const add = (name: ts.Node | undefined, node: ts.Node): void => {
    const specifier = name !== undefined && ts.isStringLiteralLike(name) ? name.text : undefined;
    found.push({ specifier, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, node);
    else if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, node);
    else if (ts.isCallExpression(node)) {
      const dynamic = node.expression.kind === ts.SyntaxKind.ImportKeyword;
      const required = ts.isIdentifier(node.expression) && node.expression.text === 'require';
      if (dynamic || required) add(node.arguments[0], node);
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
      const [target, base] = node.arguments ?? [];
      const module = target !== undefined && ts.isStringLiteralLike(target) && target.text.endsWith('.ts');
      if (module && base?.getText() === 'import.meta.url') add(target, node);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const packageOf = (path: string): string => path.split('/')[1];
/** Files of a browser-safe package that may import Node's modules: they say so in their names. */
const mayUseNode = (path: string): boolean => /^node(-[a-z-]+)?\.ts$/.test(posix.basename(path));
const isTest = (path: string): boolean => path.endsWith('.test.ts');
const npmName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** The file in the repository that an import leads to, or undefined when it leads outside the workspace. */
function resolve(from: string, specifier: string, manifests: Workspace['manifests']): string | undefined {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(from), specifier));
  if (!specifier.startsWith(SCOPE)) return undefined;
  const [name, ...rest] = specifier.slice(SCOPE.length).split('/');
  const target = manifests[name]?.exports?.[rest.length === 0 ? '.' : `./${rest.join('/')}`];
  return target === undefined ? undefined : posix.join('packages', name, target);
}

/** Whether the package offers this path: an entry of `exports`, or a pattern of it such as `./wasm/*`. */
function isExported(specifier: string, manifests: Workspace['manifests']): boolean {
  const [name, ...rest] = specifier.slice(SCOPE.length).split('/');
  const wanted = rest.length === 0 ? '.' : `./${rest.join('/')}`;
  return Object.keys(manifests[name]?.exports ?? {}).some((entry) => {
    const star = entry.indexOf('*');
    return star < 0 ? entry === wanted : wanted.startsWith(entry.slice(0, star)) && wanted.length > star;
  });
}

/** Files reachable over the imports of the given entries, each with the path of files that leads there. */
function reachable(
  entries: readonly string[],
  graph: ReadonlyMap<string, readonly string[]>,
): Map<string, string[]> {
  const trails = new Map(entries.filter((entry) => graph.has(entry)).map((entry) => [entry, [entry]]));
  for (const [file, trail] of trails)
    for (const next of graph.get(file) ?? [])
      if (graph.has(next) && !trails.has(next)) trails.set(next, [...trail, next]);
  return trails;
}

/** Applies every import rule. Returns one line per finding, empty when the workspace keeps the rules. */
export function importFindings(workspace: Workspace): string[] {
  const { sources, manifests } = workspace;
  const findings: string[] = [];
  const imports = new Map(sources.map((file) => [file.path, importsOf(file)]));
  const graph = new Map(
    sources.map((file) => [
      file.path,
      imports
        .get(file.path)!
        .flatMap(({ specifier }) => resolve(file.path, specifier ?? '', manifests) ?? []),
    ]),
  );
  const exportedBy = (name: string): string[] =>
    Object.values(manifests[name]?.exports ?? {}).map((target) => posix.join('packages', name, target));
  const shipped = reachable(Object.keys(manifests).flatMap(exportedBy), graph);

  for (const name of Object.keys(manifests))
    if (!Object.hasOwn(BELOW, name))
      findings.push(`packages/${name} has no place in the order (test/imports.ts)`);

  for (const { path } of sources) {
    const owner = packageOf(path);
    const manifest = manifests[owner] ?? {};
    const below = BELOW[owner] ?? [];
    const declared = new Set(
      [manifest.dependencies, manifest.peerDependencies, manifest.optionalDependencies].flatMap((names) =>
        Object.keys(names ?? {}),
      ),
    );
    const forTests = new Set([
      ...Object.keys(manifest.devDependencies ?? {}),
      ...workspace.rootDevDependencies,
    ]);
    const browserSafe = BROWSER_SAFE.has(owner) && !isTest(path);

    for (const { specifier, line } of imports.get(path)!) {
      const report = (what: string): void => {
        findings.push(`${path}:${line} ${what}`);
      };
      if (specifier === undefined) {
        if (browserSafe) report('imports a module whose name is computed: a bundler cannot follow it');
      } else if (specifier.startsWith('.')) {
        const target = resolve(path, specifier, manifests)!;
        if (!target.startsWith(`packages/${owner}/`)) report(`reaches outside its package: ${specifier}`);
        else if (!isTest(path) && isTest(target)) report(`imports a test: ${specifier}`);
      } else if (specifier.startsWith('node:')) {
        if (browserSafe && shipped.has(path) && !mayUseNode(path))
          report(`imports ${specifier}: in this package only node.ts and node-*.ts may`);
      } else if (specifier.startsWith(SCOPE)) {
        const target = specifier.slice(SCOPE.length).split('/')[0];
        if (!isExported(specifier, manifests))
          report(`imports ${specifier}, which that package does not export`);
        if (target !== owner && !below.includes(target))
          report(`imports ${SCOPE}${target}, which is not below ${owner}`);
        else if (target !== owner && !declared.has(SCOPE + target) && !isTest(path))
          report(`imports ${SCOPE}${target}, which its package.json does not declare`);
      } else {
        const package_ = npmName(specifier);
        const known =
          declared.has(package_) || ((isTest(path) || !shipped.has(path)) && forTests.has(package_));
        if (browserSafe && shipped.has(path)) report(`imports ${package_} from outside the workspace`);
        else if (!known) report(`imports ${package_}, which its package.json does not declare`);
      }
    }
  }

  for (const name of Object.keys(manifests).filter((name) => BROWSER_SAFE.has(name))) {
    const index = manifests[name].exports?.['.'];
    if (index === undefined) continue;
    for (const [file, trail] of reachable([posix.join('packages', name, index)], graph))
      for (const { specifier } of imports.get(file)!)
        if (specifier?.startsWith('node:'))
          findings.push(`${name}: ${specifier} is reached from its index: ${trail.join(' -> ')}`);
  }
  return findings;
}
