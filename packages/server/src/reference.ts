/**
 * Writes the REST reference (docs/rest.md) from the OpenAPI document and the table of errors, so that the
 * page cannot say anything else than the routes do.
 * @module
 */
import { ERRORS } from './errors.ts';

interface Schema {
  type?: string | string[];
  format?: string;
  const?: unknown;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  additionalProperties?: boolean | Schema;
  patternProperties?: Record<string, Schema>;
}
interface Content {
  content?: Record<string, { schema?: Schema }>;
  description?: string;
}
interface Operation {
  operationId: string;
  tags?: string[];
  summary?: string;
  description?: string;
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: Content & { required?: boolean };
  responses: Record<string, Content>;
}
export interface OpenApiDocument {
  info: { title: string; version: string; description?: string };
  tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, Operation>>;
}

const METHODS = ['get', 'post', 'put', 'delete'];

/** The page as Markdown. */
export function restReference(document: OpenApiDocument): string {
  const lines = [
    `# ${document.info.title}`,
    '',
    '<!-- Made by scripts/rest-reference.ts from the routes. Do not edit. -->',
    '',
    document.info.description ?? '',
    '',
    'Every route takes `Authorization: Bearer <API token>` unless it says "no token".',
    '',
  ];
  for (const tag of document.tags ?? []) {
    lines.push(`## ${tag.name}`, '', `${tag.description ?? ''}.`, '');
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const method of METHODS) {
        const operation = methods[method];
        if (operation?.tags?.includes(tag.name)) lines.push(...operationLines(method, path, operation));
      }
    }
  }
  lines.push(...errorLines());
  return `${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
}

function operationLines(method: string, path: string, operation: Operation): string[] {
  const { security } = operation;
  const optional = security?.some((way) => Object.keys(way as object).length === 0);
  const open = security?.length === 0 ? ' (no token)' : optional ? ' (no token in environment dev)' : '';
  const lines = [
    `### ${operation.summary ?? operation.operationId}`,
    '',
    `\`${method.toUpperCase()} ${path}\`${open}`,
    '',
  ];
  if (operation.description) lines.push(operation.description, '');
  const rows: string[] = [];
  for (const parameter of operation.parameters ?? []) {
    if (parameter.in === 'path' && !parameter.description) continue;
    const optional = parameter.required ? '' : ', optional';
    rows.push(
      row(
        `\`${parameter.name}\``,
        `${parameter.in}${optional}`,
        typeName(parameter.schema),
        parameter.description ?? parameter.schema?.description,
      ),
    );
  }
  for (const [type, { schema }] of Object.entries(operation.requestBody?.content ?? {})) {
    for (const [name, property] of Object.entries(schema?.properties ?? {})) {
      const where = type === 'multipart/form-data' ? 'part' : 'body';
      const optional = schema?.required?.includes(name) ? '' : ', optional';
      rows.push(row(`\`${name}\``, where + optional, typeName(property), property.description));
    }
  }
  if (rows.length > 0) lines.push('| name | in | type | meaning |', '|---|---|---|---|', ...rows, '');
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (status === 'default') continue;
    const types = Object.entries(answer.content ?? {});
    const bodies = types.map(([type, { schema }]) => {
      const fields = fieldList(schema);
      return `\`${type}\`${fields ? ` ${fields}` : ''}`;
    });
    lines.push(
      `**${status}** ${answer.description ?? ''}${bodies.length ? `: ${bodies.join(' or ')}` : ''}`,
      '',
    );
  }
  return lines;
}

function row(...cells: (string | undefined)[]): string {
  return `| ${cells.map((cell) => (cell ?? '').replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

function fieldList(schema: Schema | undefined): string {
  if (!schema?.properties) return '';
  return `{ ${Object.entries(schema.properties)
    .map(([name, property]) => {
      const optional = schema.required?.includes(name) ? '' : '?';
      const inner = property.type === 'array' ? fieldList(property.items) : fieldList(property);
      const shown = inner ? (property.type === 'array' ? `[${inner}]` : inner) : '';
      return `\`${name}${optional}\`${shown ? `: ${shown}` : ''}`;
    })
    .join(', ')} }`;
}

function typeName(schema: Schema | undefined): string {
  if (!schema) return '';
  if (schema.anyOf) return schema.anyOf.map(typeName).join(' or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.format === 'binary') return 'file';
  return Array.isArray(schema.type) ? schema.type.join(' or ') : (schema.type ?? '');
}

function errorLines(): string[] {
  const entries = Object.entries(ERRORS).sort(([a, x], [b, y]) => x.status - y.status || (a < b ? -1 : 1));
  return [
    '## Errors',
    '',
    'Problem documents: `{ type, title, status, detail, code, instance, hint }`, some with more members (`findings`, `reason`, `limit`, `job_url`). Branch on `code`; `detail` is for people and may change.',
    '',
    '| status | code | meaning | what to do |',
    '|---|---|---|---|',
    ...entries.map(([code, { status, title, hint }]) => row(String(status), `\`${code}\``, title, hint)),
    '',
    'Jobs and tasks that fail carry a reason with a code of the runtime or the program (for instance `INPUT_INVALID`, `WIRE_CONTENT`, `FEATURE_COUNT`, `KEY_MISMATCH`), or `WORKER_CRASHED`, `TIME_LIMIT`, `DATA_REMOVED`, `STORAGE_FULL`, `INTERNAL`.',
    '',
  ];
}
