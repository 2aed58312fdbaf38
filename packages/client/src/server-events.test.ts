/** Event streams cut anywhere. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ServerEvent, serverEvents } from './server-events.ts';

function bodyOf(text: string, cuts: number[] = []): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return new ReadableStream({
    start(controller) {
      let from = 0;
      for (const end of ends) {
        controller.enqueue(bytes.slice(from, end));
        from = end;
      }
      controller.close();
    },
  });
}

async function eventsOf(text: string, cuts?: number[]): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of serverEvents(bodyOf(text, cuts))) events.push(event);
  return events;
}

const STREAM = [
  ': welcome',
  'retry: 1000',
  '',
  'event: queued',
  'id: 7',
  'data: {"rank": 2}',
  '',
  ': heartbeat',
  'data:first',
  'data: second – ü',
  '',
  'event: nothing',
  '',
  'data',
  '',
];
const EVENTS = [
  { event: 'queued', data: '{"rank": 2}', id: '7' },
  { event: 'message', data: 'first\nsecond – ü', id: '7' },
  { event: 'message', data: '', id: '7' },
];

test('events, comments and fields, at every line end and cut anywhere', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.nat(300), { maxLength: 6 }),
      async (end, cuts) => {
        assert.deepEqual(await eventsOf(STREAM.map((line) => line + end).join(''), cuts), EVENTS);
      },
    ),
  );
});

test('an event that the end cuts off is none', async () => {
  assert.deepEqual(await eventsOf('data: half'), []);
  assert.deepEqual(await eventsOf(''), []);
});

test('an event without end is refused', async () => {
  await assert.rejects(eventsOf(`data: ${'x'.repeat(2 ** 20 + 1)}`), { code: 'BAD_RESPONSE' });
});

test('leaving the loop closes the stream', async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: x\n\n')),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const _ of serverEvents(endless)) break;
  assert.ok(cancelled);
});
