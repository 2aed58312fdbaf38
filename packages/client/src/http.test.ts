/** Requests against a real socket that misbehaves in every way we promise to handle. @module */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { request } from './http.ts';
import { nodeTransport } from './node-transport.ts';
import { Session } from './session.ts';
import { upload } from './upload.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function serve(t: TestContext, handler: Handler): Promise<string> {
  let count = 0;
  const server = createServer((incoming, response) => handler(incoming, response, ++count));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const http = (retries = 3, timeoutMs = 5000) => ({ transport: nodeTransport(), timeoutMs, retries });

test('an idempotent request outlives lost connections, another is sent once', async (t) => {
  const url = await serve(t, (_request, response, count) => {
    if (count < 3) response.socket?.destroy();
    else response.end('here');
  });
  const answer = await request(http(), 'thing', url);
  assert.equal(answer.text(), 'here');
  assert.equal(answer.attempt, 3);
  let posts = 0;
  const down = await serve(t, (_request, response) => {
    posts++;
    response.socket?.destroy();
  });
  await assert.rejects(request(http(), 'thing', down, { method: 'POST' }), { code: 'NETWORK' });
  assert.equal(posts, 1);
});

test('a form under a signal that is aborted already is not sent', async (t) => {
  let requests = 0;
  const url = await serve(t, (_request, response) => {
    requests++;
    response.end();
  });
  const body = new FormData();
  body.set('file', new Blob([new Uint8Array(1000)]));
  await assert.rejects(request(http(), 'thing', url, { method: 'POST', body, signal: AbortSignal.abort() }), {
    code: 'ABORTED',
  });
  assert.equal(requests, 0);
});

/** A certificate that nobody vouches for: X.509 version 1, ECDSA on P-256. */
function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
    const content = Buffer.concat(parts);
    const { length } = content;
    const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
    return Buffer.concat([Buffer.from([tag, ...size]), content]);
  };
  const oid = (hex: string) => der(6, Buffer.from(hex, 'hex'));
  const algorithm = der(0x30, oid('2a8648ce3d040302'));
  const name = der(0x30, der(0x31, der(0x30, oid('550403'), der(12, Buffer.from('localhost')))));
  const dates = [der(0x17, Buffer.from('200101000000Z')), der(0x18, Buffer.from('21200101000000Z'))];
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const serial = der(2, Buffer.from([1]));
  const signed = der(0x30, serial, algorithm, name, der(0x30, ...dates), name, spki);
  const signature = der(3, Buffer.from([0]), sign('sha256', signed, privateKey));
  const base64 = der(0x30, signed, algorithm, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

test("a certificate of one's own: the hint says how to trust it, for requests and for uploads", async (t) => {
  const server = createTlsServer(selfSigned(), (_request, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const more of [{}, { method: 'PUT', body: new Uint8Array(9) } as const])
    await assert.rejects(request(http(0), 'thing', url, more), (error: Error & { hint: string }) => {
      assert.match(error.message, /SELF_SIGNED_CERT/);
      assert.match(error.hint, /NODE_EXTRA_CA_CERTS=/);
      return true;
    });
});

test('retries end, and a refused connection says so', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  await assert.rejects(request(http(1), 'thing', `http://127.0.0.1:${port}/`), {
    code: 'NETWORK',
    message: `thing: cannot reach http://127.0.0.1:${port} (ECONNREFUSED)`,
  });
});

test('problem documents keep their code, status, hint and findings', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(422, { 'content-type': 'application/problem+json' });
    response.end(
      JSON.stringify({
        code: 'MODEL_UNRECOGNISED',
        title: 'no model',
        detail: 'it is text',
        hint: 'h',
        status: 422,
        findings: ['a'],
      }),
    );
  });
  await assert.rejects(request(http(), 'deploy', url), {
    code: 'MODEL_UNRECOGNISED',
    message: 'it is text',
    status: 422,
    hint: 'h',
    details: { findings: ['a'] },
  });
});

test('foreign error pages become HTTP_ERROR without their markup', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(502, { 'content-type': 'text/html' });
    response.end('<html>nginx</html>');
  });
  await assert.rejects(request(http(), 'thing', url), {
    code: 'HTTP_ERROR',
    status: 502,
    message: 'thing: the server answered 502',
  });
});

test('time limits and aborts', async (t) => {
  const url = await serve(t, () => {});
  await assert.rejects(request(http(0, 50), 'thing', url), { code: 'TIMEOUT' });
  await assert.rejects(request(http(), 'thing', url, { signal: AbortSignal.timeout(50) }), {
    code: 'ABORTED',
  });
  await assert.rejects(
    request(http(), 'thing', url, {
      method: 'PUT',
      body: new Uint8Array(9),
      signal: AbortSignal.timeout(50),
    }),
    {
      code: 'ABORTED',
    },
  );
});

test('a redirect is not followed: it could take the token along', async (t) => {
  let leaked: string | undefined;
  const elsewhere = await serve(t, (incoming, response) => {
    leaked = incoming.headers.authorization;
    response.end();
  });
  const url = await serve(t, (_request, response) => {
    response.writeHead(307, { location: elsewhere });
    response.end();
  });
  await assert.rejects(request(http(0), 'thing', url, { token: 'secret' }));
  assert.equal(leaked, undefined);
});

test('an upload reports progress, carries no token and survives a lost answer', async (t) => {
  const bytes = new Uint8Array(randomBytes(200_000));
  let received = Buffer.alloc(0);
  let authorization: string | undefined = 'none seen';
  let puts = 0;
  const url = await serve(t, (incoming, response) => {
    if (incoming.method === 'POST') {
      response.end(JSON.stringify({ predictDataUrl: `${url}/blob?signature=x` }));
      return;
    }
    authorization = incoming.headers.authorization;
    const parts: Buffer[] = [];
    incoming.on('data', (part) => parts.push(part));
    incoming.on('end', () => {
      if (++puts === 1) {
        received = Buffer.concat(parts);
        response.socket?.destroy(); // stored, but the answer is lost
        return;
      }
      response.writeHead(409, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ code: 'LINK_USED', title: 'used' }));
    });
  });
  const session = new Session(`${url}/api/v0.1`, 'token', { transport: nodeTransport() });
  const progress: number[] = [];
  await upload(session, 'samples', `${url}/link`, bytes, { onProgress: (done) => progress.push(done) });
  assert.deepEqual(received, Buffer.from(bytes));
  assert.equal(authorization, undefined);
  assert.equal(puts, 2);
  assert.ok(progress.length > 2 && progress.includes(bytes.length));
});

test('a link used by someone else is an error', async (t) => {
  const url = await serve(t, (incoming, response) => {
    incoming.resume();
    if (incoming.method === 'POST') {
      response.end(`${url}/blob`);
      return;
    }
    response.writeHead(409, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ code: 'LINK_USED', title: 'used' }));
  });
  const session = new Session(`${url}/api/v0.1`, 'token', { transport: nodeTransport() });
  await assert.rejects(upload(session, 'samples', `${url}/link`, new Uint8Array(9)), {
    code: 'LINK_USED',
    status: 409,
  });
});

test('an expired link is replaced once', async (t) => {
  let links = 0;
  const url = await serve(t, (incoming, response) => {
    incoming.resume();
    if (incoming.method === 'POST') {
      response.end(`${url}/blob/${++links}`);
      return;
    }
    if (incoming.url === '/blob/2') {
      response.end();
      return;
    }
    response.writeHead(403, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ code: 'LINK_EXPIRED', title: 'expired' }));
  });
  const session = new Session(`${url}/api/v0.1`, 'token', { transport: nodeTransport() });
  await upload(session, 'samples', `${url}/link`, new Uint8Array(9));
  assert.equal(links, 2);
});
