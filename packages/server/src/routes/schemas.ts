/**
 * Schemas that several routes share.
 * @module
 */
import { type Static, Type } from 'typebox';

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'Stable error code' }),
    instance: Type.String({ description: 'The request id' }),
    hint: Type.Optional(Type.String({ description: 'What to do next' })),
  },
  { additionalProperties: true, description: 'RFC 9457 problem document' },
);

export const problem = {
  description: 'Problem document, see the table of errors',
  content: { 'application/problem+json': { schema: Problem } },
};

export const text = (description: string) => ({
  description,
  content: { 'text/plain': { schema: Type.String() } },
});

export const binary = (description: string) => ({
  description,
  content: { 'application/octet-stream': { schema: Type.String({ format: 'binary' }) } },
});

export const json = <T extends Parameters<typeof Type.Optional>[0]>(description: string, schema: T) => ({
  description,
  content: { 'application/json': { schema } },
});

export const Time = Type.String({ format: 'date-time' });
export const TimeOrNull = Type.Union([Time, Type.Null()]);

export const ModelParams = Type.Object({
  service: Type.String({ description: 'service_id of the owner' }),
  name: Type.String({ description: 'Model name' }),
  version: Type.String({ description: 'Model version' }),
});
export const OwnModelParams = Type.Object({
  name: Type.String({ description: 'Model name, [A-Za-z0-9._-]{1,64}' }),
  version: Type.String({ description: 'Model version, [A-Za-z0-9._-]{1,64}' }),
});
export const DataParams = Type.Object({
  service: Type.String({ description: 'service_id of the owner' }),
  name: Type.String({ description: 'Model name' }),
  version: Type.String({ description: 'Model version' }),
  data: Type.String({ description: 'Name of the data, [A-Za-z0-9._-]{1,64}' }),
});
export const JobParams = Type.Object({
  service: Type.String({ description: 'service_id of the owner of the model' }),
  job: Type.String({ description: 'Job id' }),
});
export const IdParams = Type.Object({ id: Type.String() });

/** A profile is described by the runtime; the API passes it on. */
export const ProfileSchema = Type.Object(
  { id: Type.String(), format: Type.Literal('velum-profile'), version: Type.Integer() },
  { additionalProperties: true, description: 'Public half of the plan: parameters, keys, encoding' },
);

export type ModelParamsType = Static<typeof ModelParams>;

export const iso = (time: number): string => new Date(time).toISOString();
export const isoOrNull = (time: number | null): string | null => (time === null ? null : iso(time));
