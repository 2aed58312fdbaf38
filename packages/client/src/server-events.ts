/**
 * Server-sent events out of the body of an answer (WHATWG HTML, 9.2.6): EventSource can carry no token.
 * @module
 */
import { VelumError } from './errors.ts';

export interface ServerEvent {
  /** `message` where the server names none. */
  event: string;
  data: string;
  /** The last one given so far. */
  id: string;
}

/** Characters of one event; ours have a few hundred. */
const LONGEST_EVENT = 1 << 20;

/** Ends with the stream; leaving the loop early closes it. @throws VelumError BAD_RESPONSE */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let id = '';
  let event = '';
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      text += decoder.decode(value, { stream: !done });
      // a carriage return at the end may be the first half of one line end
      const lines = (done ? `${text}\n` : text).split(/\r\n|\n|\r(?!$)/);
      text = lines.pop()!;
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) yield { event: event || 'message', data: data.join('\n'), id };
          event = '';
          data = [];
          continue;
        }
        const [, name, content] = /^([^:]*):? ?(.*)$/s.exec(line)!;
        if (name === 'data') data.push(content);
        else if (name === 'event') event = content;
        else if (name === 'id' && !content.includes('\0')) id = content;
      }
      if (text.length + data.reduce((sum, part) => sum + part.length, 0) > LONGEST_EVENT)
        throw new VelumError(
          'BAD_RESPONSE',
          `the server sent an event of more than ${LONGEST_EVENT} characters`,
        );
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
