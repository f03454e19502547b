// An instance that failed inside a call says so from then on.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replica } from 'rejoin';
import { refuses } from './script.mjs';

test('an instance that was left in the middle of a call is not called again', (context) => {
  const [replica, other] = [new Replica(), new Replica()];
  // Nothing expects the platform's clock to throw: the exception leaves the engine with its locks held.
  const failure = new Error('no time');
  context.mock.method(Date, 'now', () => { throw failure; });
  assert.equal(refuses('poisoned', () => replica.transact(() => {})).cause, failure);
  context.mock.restoreAll();
  const calls = [
    () => replica.transact(() => {}),
    () => replica.context(),
    () => other.fingerprint(),
    () => new Replica(),
    () => other.free(),
  ];
  for (const call of calls) assert.equal(refuses('poisoned', call).cause, failure);
});
