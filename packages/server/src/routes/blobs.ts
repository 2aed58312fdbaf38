/**
 * Row 9: the PUT behind a presigned link. The signature is the authority; no token is asked for.
 * @module
 */
import { Type } from 'typebox';
import {
  checkDeclaredLength,
  checkedUpload,
  requestChunks,
  type UploadSummary,
} from '../blobs/checked-upload.ts';
import { UPLOAD_CONTENT_TYPE, verifyLink } from '../blobs/links.ts';
import { blobKey } from '../blobs/store.ts';
import { ApiError } from '../errors.ts';
import { areaOf, claimUpload, completeUpload, prefetchKeys, reopenUpload } from '../models/uploads.ts';
import type { Services } from '../services.ts';
import { type App, sendEmpty } from './app-type.ts';
import { IdParams, problem } from './schemas.ts';

export function blobRoutes(app: App, services: Services): void {
  const { blobs, secret, metrics, config } = services;

  // The body stays a stream, whatever its type: it is checked and counted as it passes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

  app.put(
    '/blobs/:id',
    {
      bodyLimit: Math.min(Number.MAX_SAFE_INTEGER, config.limits.uploadBytes),
      config: { public: true },
      schema: {
        operationId: 'putBlob',
        tags: ['Using a model'],
        summary: 'Upload through a link',
        description:
          'The whole container as the body. Kind, profile, length and SHA-256 are checked while it streams; a refused or broken upload leaves nothing behind and may be repeated while the link lives, a completed one may not.',
        security: [],
        params: IdParams,
        querystring: Type.Object({
          expires: Type.Optional(Type.String()),
          'content-type': Type.Optional(Type.String()),
          max: Type.Optional(Type.String()),
          signature: Type.Optional(Type.String()),
        }),
        response: { 200: { description: 'Stored', type: 'null' }, default: problem },
      },
    },
    async (request, reply) => {
      const link = verifyLink(secret, request.params.id, request.query);
      const contentType = (request.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
      if (contentType !== link.contentType) {
        throw new ApiError(
          'MEDIA_TYPE_UNSUPPORTED',
          `the link is signed for ${UPLOAD_CONTENT_TYPE}, the request says ${JSON.stringify(contentType)}`,
        );
      }
      const upload = await claimUpload(services, link.id);
      const terms = {
        kind: upload.kind,
        profileId: upload.profile_id,
        maxBytes: upload.max_bytes,
        exactBytes: upload.exact_bytes,
      };
      const key = blobKey(areaOf(upload.kind));
      try {
        const declared = request.headers['content-length'];
        checkDeclaredLength(declared === undefined ? undefined : Number(declared), terms);
        let summary: UploadSummary | undefined;
        const chunks = checkedUpload(requestChunks(request.raw), terms, (s) => {
          summary = s;
        });
        await blobs.put(key, chunks);
        await completeUpload(services, upload, key, summary as unknown as UploadSummary);
        metrics.bytes.inc(
          { direction: 'in', kind: upload.kind },
          (summary as unknown as UploadSummary).bytes,
        );
      } catch (error) {
        await blobs.delete(key);
        await reopenUpload(services, upload);
        throw error;
      }
      if (upload.kind !== 'input' && upload.kind !== 'wrapped-secret') {
        await prefetchKeys(services, upload.enrolment_id);
      }
      return sendEmpty(reply, 200);
    },
  );
}
