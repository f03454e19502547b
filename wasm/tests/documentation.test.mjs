// The examples of the documentation run as they are printed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const page = readFileSync(new URL('../../docs/browser.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);

assert.ok(examples.length > 0);

examples.forEach((code, number) => {
  test(`example ${number + 1} of docs/browser.md runs`, async () => {
    const resolved = code.replaceAll("'rejoin'", JSON.stringify(import.meta.resolve('rejoin')));
    await import(`data:text/javascript,${encodeURIComponent(resolved)}`);
  });
});

test('every code of an error in the types is explained', () => {
  const types = readFileSync(new URL('../js/index.d.ts', import.meta.url), 'utf8');
  const union = types.match(/export type ErrorCode =([^;]*);/)[1];
  const codes = [...union.matchAll(/'([^']+)'/g)].map(([, code]) => code);
  assert.deepEqual(codes, [...codes].sort());
  for (const code of codes) assert.ok(page.includes(`\`${code}\``), code);
});
