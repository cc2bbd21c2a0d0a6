import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import express from 'express';
import request from 'supertest';
import { handleError } from '../http/answer.ts';
import { installStatic } from './static.ts';

const directory = mkdtempSync(join(tmpdir(), 'relvar-static-'));
afterAll(() => rmSync(directory, { recursive: true }));

const app = express();
installStatic(app, directory);
app.use(handleError);
const page = (path: string) => request(app).get(path).set('accept', 'text/html,*/*');

test('without a bundle a page says what to do', async () => {
  const { status, text } = await page('/');
  expect(status).toBe(503);
  expect(text).toContain('npm run build');
});

describe('with a bundle', () => {
  beforeAll(() => {
    mkdirSync(join(directory, 'assets'));
    writeFileSync(join(directory, 'index.html'), '<!doctype html><title>Relvar</title>');
    writeFileSync(join(directory, 'assets/index-Ab12Cd34.js'), 'console.log(1)');
    writeFileSync(join(directory, 'assets/index-Ab12Cd34.js.br'), brotliCompressSync('console.log(1)'));
    writeFileSync(join(directory, 'favicon.svg'), '<svg/>');
  });

  test('addresses of the screen get its page, afresh each time and well guarded', async () => {
    for (const path of ['/', '/objects/people?view=1', '/index.html']) {
      const { status, text, headers } = await page(path);
      expect(status).toBe(200);
      expect(text).toContain('<title>Relvar</title>');
      expect(headers['cache-control']).toBe('no-cache');
      expect(headers['content-security-policy']).toContain("script-src 'self'");
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });

  test('a script gets the page only where the page itself is', async () => {
    const asked = (path: string) => request(app).get(path).set('accept', '*/*').set('sec-fetch-mode', 'cors');
    expect((await asked('/')).text).toContain('<title>Relvar</title>');
    expect((await asked('/objects/people')).status).toBe(404);
  });

  test('hashed files are kept for good, and sent as the build compressed them', async () => {
    const { status, headers, text } = await request(app)
      .get('/assets/index-Ab12Cd34.js')
      .set('accept-encoding', 'gzip, br');
    expect(status).toBe(200);
    expect(headers['content-encoding']).toBe('br');
    expect(headers['content-type']).toMatch(/javascript/);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(text ?? '').not.toBe('x');
    const plain = await request(app).get('/assets/index-Ab12Cd34.js').set('accept-encoding', 'identity');
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.text).toBe('console.log(1)');
    const icon = await request(app).get('/favicon.svg');
    expect(icon.headers['cache-control']).toBe('no-cache');
  });

  test('what is not there is missing: scripts, other methods, files outside', async () => {
    expect((await request(app).get('/assets/gone-Ab12Cd34.js').set('accept', '*/*')).status).toBe(404);
    expect((await page('/assets/gone.js').set('sec-fetch-mode', 'no-cors')).status).toBe(404);
    expect((await request(app).post('/').send({})).status).toBe(404);
    const outside = await request(app).get('/..%2f..%2fetc/passwd').set('accept', '*/*');
    expect(outside.status).toBe(404);
  });
});

test('pictures of the ground come from where the server says', async () => {
  const mapped = express();
  installStatic(mapped, directory, { mapTiles: { url: 'http://tiles.local:8080/{z}/{x}/{y}.png' } });
  const { headers } = await request(mapped).get('/');
  expect(String(headers['content-security-policy'])).toContain('https: http://tiles.local:8080;');
});

test('only pages of origins that the server allows may stand within ours', async () => {
  const framing = express();
  installStatic(framing, directory, { frameOrigins: ['https://maps.example', 'https://*.charts.example'] });
  const { headers } = await request(framing).get('/');
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("frame-src 'self' https://maps.example https://*.charts.example;");
  expect(policy).toContain("script-src 'self';");
});
