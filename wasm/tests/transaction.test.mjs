// A transaction commits as one, or leaves no trace.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replica } from 'rejoin';
import { refuses } from './script.mjs';

test('what the function returns is what transact returns', () => {
  const replica = new Replica();
  const returned = { any: 'object' };
  assert.equal(replica.transact(() => returned), returned);
  assert.equal(replica.transact(() => {}), undefined);
});

test('a transaction reads its own writes, and others do not before it ends', () => {
  const replica = new Replica();
  replica.transact((tx) => {
    tx.register('a').set(1);
    tx.set('s').add('x');
    tx.counter('c').add(2);
    tx.counter('c').add(3);
    tx.map('m').create();
    assert.equal(tx.register('a').get(), 1);
    assert.deepEqual([tx.set('s').has('x'), tx.set('s').values()], [true, ['x']]);
    assert.equal(tx.counter('c').value, 5);
    assert.ok(tx.map('m').exists);
    assert.deepEqual(tx.map().keys(), ['a', 'c', 'm', 's']);
    assert.equal(replica.register('a').get(), undefined);
    assert.equal(replica.counter('c').value, 0);
  });
  assert.equal(replica.register('a').get(), 1);
});

test('an exception rolls everything back and arrives as it was thrown', () => {
  const replica = new Replica();
  replica.transact((tx) => tx.register('a').set(1));
  const before = [replica.fingerprint(), replica.context()];
  for (const thrown of [new Error('no'), 'text', undefined, null, 0]) {
    let caught = [];
    try {
      replica.transact((tx) => {
        tx.register('a').set(2);
        tx.counter('c').add(1);
        throw thrown;
      });
    } catch (error) {
      caught = [error];
    }
    assert.deepEqual(caught, [thrown]);
    if (typeof thrown === 'object') assert.equal(caught[0], thrown);
  }
  assert.deepEqual([replica.fingerprint(), replica.context()], before);
});

test('a refused change leaves the transaction as it was, and it may go on', () => {
  const replica = new Replica();
  replica.transact((tx) => {
    tx.register('a').set(1);
    refuses('unsupported-value', () => tx.register('a').set(() => {}));
    tx.counter('c').add(1);
  });
  assert.deepEqual([replica.register('a').get(), replica.counter('c').value], [1, 1]);
});

test('a handle kept beyond its transaction is refused', () => {
  const replica = new Replica();
  const kept = replica.transact((tx) => tx.register('a'));
  refuses('transaction-over', () => kept.set(1));
  refuses('transaction-over', () => kept.get());
});

test('a transaction inside another, or a delta, is refused, and the outer one goes on', () => {
  const replica = new Replica();
  const delta = new Replica().deltaSince();
  replica.transact((tx) => {
    refuses('nested', () => replica.transact(() => {}));
    refuses('nested', () => replica.apply(delta));
    refuses('busy', () => replica.free());
    tx.register('a').set(1);
  });
  assert.equal(replica.register('a').get(), 1);
});

test('an asynchronous function is rolled back', () => {
  const replica = new Replica();
  refuses('asynchronous', () => {
    replica.transact(async (tx) => {
      tx.register('a').set(1);
      throw new Error('nobody waits for this');
    });
  });
  assert.equal(replica.register('a').get(), undefined);
});

test('a getter that changes the transaction while it is read is refused', () => {
  const replica = new Replica();
  replica.transact((tx) => {
    const sly = { get x() { return tx.register('b').set(1); } };
    const error = refuses('unreadable-value', () => tx.register('a').set(sly));
    assert.equal(error.cause.code, 'busy');
  });
  assert.equal(replica.register('b').get(), undefined);
});
