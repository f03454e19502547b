// The same operations give the same bytes in Rust and in JavaScript; see same_bytes.rs.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replica } from 'rejoin';
import { expected, fromHex, runScript, script, value } from './script.mjs';

test('the script gives the bytes of the fixture', () => {
  const { deltas, ends } = runScript();
  assert.deepEqual({ deltas, ends }, expected);
});

test('deltas that Rust made read as what was written', () => {
  const reader = new Replica();
  // What berlin wrote, and in the end what lima did not know of before.
  for (const step of [0, 1, 4, 6, 7]) reader.apply(fromHex(expected.deltas[step]));
  assert.equal(reader.fingerprint(), expected.ends.berlin.fingerprint);
  assert.equal(reader.register('users', 42, 'name').get(), 'Ada King');
  assert.deepEqual(reader.set('users', 42, 'tags').values(), [{ nested: [1, 2, 3] }, 'vip']);
  assert.equal(reader.counter('visits').value, -2);
  assert.equal(reader.counter('large').value, 18446744073709551614n);
  assert.equal(reader.register(true, -7, fromHex('00ff'), 'kinds of components').get(), null);
  for (const [name, [key], json] of script.steps[1].do) {
    if (name === 'register.set' && key !== 'integers') {
      assert.deepEqual(reader.register(key).get(), value(json), key);
    }
  }
  const integers = [18446744073709551615n, -9223372036854775808n, 9007199254740993n, 5];
  assert.deepEqual(reader.register('integers').get(), integers);
});
