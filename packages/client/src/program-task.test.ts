/** Tasks followed over sockets that break, and results in every form. @module */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { nodeTransport } from './node-transport.ts';
import { ProgramTask, type ResultForm, taskOutputs } from './program-task.ts';
import { Session } from './session.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function taskOn(t: TestContext, handler: Handler): Promise<ProgramTask> {
  let count = 0;
  const server = createServer((incoming, response) => handler(incoming, response, ++count));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v0.1`;
  return new ProgramTask(new Session(base, undefined, { transport: nodeTransport(), retries: 0 }), 'a task');
}

const body = (status: string, more: object = {}): string =>
  JSON.stringify({ status, details: `it is ${status}`, task_id: 'a task', uid: 'u', ...more });

function sendEvents(response: ServerResponse, ...bodies: string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(': hello\n\n');
  for (const data of bodies) response.write(`event: state\ndata: ${data}\n\n`);
}

function sendJson(response: ServerResponse, text: string, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(text);
}

async function states(task: ProgramTask): Promise<string[]> {
  const seen: string[] = [];
  for await (const { state, rank, done, total, secondsLeft } of task.events())
    seen.push([state, rank, done, total, secondsLeft].filter((x) => x !== undefined).join(' '));
  return seen;
}

const QUEUED = body('queued', { rank: 2, progress: { done: 0, total: 90 } });
const RUNNING = body('started', { progress: { done: 30, total: 90, seconds_left: 1.5 } });
const SUCCESS = body('success', { compute_ms: 12 });

test('events as they come, to the end', async (t) => {
  const urls: (string | undefined)[] = [];
  const task = await taskOn(t, (request, response) => {
    urls.push(request.url);
    sendEvents(response, QUEUED, RUNNING, SUCCESS); // and the connection stays open
  });
  assert.deepEqual(await states(task), ['queued 2 0 90', 'started 30 90 1.5', 'success']);
  assert.deepEqual(urls, ['/get_task_events?task_id=a%20task']);
});

test('a connection that is lost is made again', async (t) => {
  const task = await taskOn(t, (request, response, count) => {
    if (count === 1) {
      sendEvents(response, QUEUED);
      setTimeout(() => response.socket?.destroy(), 20);
    } else if (count === 2) response.socket?.destroy();
    else if (request.url?.startsWith('/get_task_events')) sendEvents(response, SUCCESS);
    else sendJson(response, RUNNING);
  });
  const seen = await states(task);
  assert.equal(seen[0], 'queued 2 0 90');
  assert.equal(seen.at(-1), 'success');
});

test('where events do not get through, the state is asked for', async (t) => {
  for (const [type, status] of [
    ['text/html', 200],
    ['text/html', 404],
    ['application/json', 501],
  ] as const) {
    const task = await taskOn(t, (request, response, count) => {
      if (request.url?.startsWith('/get_task_events')) {
        response.writeHead(status, { 'content-type': type });
        response.end('no');
      } else sendJson(response, count < 4 ? RUNNING : SUCCESS);
    });
    assert.deepEqual((await states(task)).at(-1), 'success', `${type} ${status}`);
  }
});

test('a refusal is not asked again', async (t) => {
  let count = 0;
  const task = await taskOn(t, (_request, response) => {
    count++;
    sendJson(response, JSON.stringify({ code: 'UNAUTHENTICATED', detail: 'no token' }), 401);
  });
  await assert.rejects(states(task), { code: 'UNAUTHENTICATED', status: 401 });
  assert.equal(count, 1);
});

test('ends that are no success', async (t) => {
  for (const [text, code] of [
    [body('revoked'), 'TASK_CANCELLED'],
    [body('unknown'), 'TASK_NOT_FOUND'],
    [body('failure', { reason: { code: 'WORKER_CRASHED', message: 'it fell' } }), 'TASK_FAILED'],
    [body('failure'), 'TASK_FAILED'],
    [body('surprise'), 'BAD_RESPONSE'],
    ['{}', 'BAD_RESPONSE'],
    ['[1, 2', 'BAD_RESPONSE'],
  ]) {
    const task = await taskOn(t, (request, response) => {
      if (request.url?.startsWith('/get_task_events')) sendEvents(response, text);
      else sendJson(response, text);
    });
    await assert.rejects(task.wait(), { code }, text);
  }
});

test('waiting can be aborted', async (t) => {
  const task = await taskOn(t, (_request, response) => sendEvents(response, QUEUED));
  const controller = new AbortController();
  const waiting = task.wait({ signal: controller.signal, onStatus: () => controller.abort() });
  await assert.rejects(waiting, { code: 'ABORTED' });
});

test('a result that is not there yet', async (t) => {
  const task = await taskOn(t, (_request, response) => sendJson(response, RUNNING, 202));
  await assert.rejects(task.resultBytes(), { code: 'TASK_NOT_READY', message: /it is started/ });
});

test('results as JSON of several outputs and as bytes of one', () => {
  const outputs = ['avg', 'min', 'max'].map((key) => ({ key, file: key }));
  const weights: ResultForm = { name: 'weight_stats', outputs, responseType: 'json' };
  const json = JSON.stringify({ status: 'success', avg: 'AQI=', min: 'Aw==', max: '/+8=' });
  const text = new TextEncoder().encode(json);
  assert.deepEqual(taskOutputs(weights, text), {
    avg: Uint8Array.of(1, 2),
    min: Uint8Array.of(3),
    max: Uint8Array.of(255, 239),
  });
  const ads: ResultForm = { name: 'ad_targeting', outputs: outputs.slice(0, 1), responseType: 'stream' };
  assert.deepEqual(taskOutputs(ads, text), { avg: text });
  for (const bad of ['{"avg": "AQI="}', '{"avg": 1, "min": "Aw==", "max": ""}', 'binary', 'null'])
    assert.throws(() => taskOutputs(weights, new TextEncoder().encode(bad)), { code: 'BAD_RESPONSE' }, bad);
});
