/**
 * The record of a demo: every step with its time and bytes, told as it happens.
 * @module
 */
import type { StepTrace } from '@velum/client/node';

export interface Step {
  /** Who acts: the model's owner or its user, on their own machine or, with `request`, towards the service. */
  actor: 'owner' | 'user';
  title: string;
  /** `POST .../add_profile`, when it is a request. */
  request?: string;
  milliseconds: number;
  bytesUp: number;
  bytesDown: number;
}

export class StepLog {
  readonly steps: Step[] = [];
  readonly #listener: (step: Step) => void;

  constructor(listener: (step: Step) => void) {
    this.#listener = listener;
  }

  /** A listener for the connection of one actor. */
  tracer(actor: Step['actor']): (trace: StepTrace) => void {
    return ({ what, milliseconds, request }) => {
      const { method, path, bytesUp = 0, bytesDown = 0 } = request ?? {};
      const step: Step = { actor, title: what, milliseconds, bytesUp, bytesDown };
      if (path !== undefined) step.request = `${method} ${shortPath(path)}`;
      this.steps.push(step);
      this.#listener(step);
    };
  }
}

/** Ids shortened to their first characters, so that a path fits on a line. */
function shortPath(path: string): string {
  return path
    .replace(/^\/api\/v0\.1/, '')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => `${id.slice(0, 8)}~`)
    .replace(/\/blobs\/[^/]+/, (blob) => (blob.length > 24 ? `${blob.slice(0, 20)}~` : blob));
}
