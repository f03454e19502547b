// Replicas that exchange deltas agree.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replica } from 'rejoin';
import { sync } from './script.mjs';

test('two replicas that wrote apart agree after one exchange', () => {
  const [a, b] = [new Replica(), Replica.inMemory()];
  a.transact((tx) => {
    const ada = tx.map('users', 42);
    ada.register('name').set('Ada');
    ada.set('tags').add('vip');
    tx.counter('visits').add(2);
  });
  b.transact((tx) => {
    tx.set('users', 42, 'tags').add('early');
    tx.counter('visits').add(3);
  });
  assert.notEqual(a.fingerprint(), b.fingerprint());
  sync(a, b);
  assert.equal(a.fingerprint(), b.fingerprint());
  assert.deepEqual(a.context(), b.context());
  for (const replica of [a, b]) {
    assert.equal(replica.register('users', 42, 'name').get(), 'Ada');
    assert.deepEqual(replica.map('users', 42).set('tags').values(), ['vip', 'early']);
    assert.equal(replica.counter('visits').value, 5);
    assert.deepEqual(replica.map('users').keys(), [42]);
    assert.deepEqual(replica.map().keys(), ['users', 'visits']);
  }
});

test('a delta applied twice changes nothing the second time', () => {
  const [a, b] = [new Replica(), new Replica()];
  a.transact((tx) => tx.counter('visits').add(1));
  const delta = a.deltaSince();
  assert.deepEqual(b.apply(delta), { cells: 1, deletedRanges: 0 });
  b.apply(delta);
  assert.equal(b.counter('visits').value, 1);
});

test('adding wins against removing at the same time', () => {
  const [a, b] = [new Replica(), new Replica()];
  a.transact((tx) => tx.set('list').add('milk'));
  sync(a, b);
  assert.equal(a.transact((tx) => tx.set('list').remove('milk')), true);
  b.transact((tx) => tx.set('list').add('milk'));
  assert.equal(a.set('list').has('milk'), false);
  sync(a, b);
  assert.ok(a.set('list').has('milk') && b.set('list').has('milk'));
});

test('a deleted map takes what was seen below it, not what is written concurrently', () => {
  const [a, b] = [new Replica(), new Replica()];
  a.transact((tx) => tx.map('users', 7).register('name').set('Bob'));
  sync(a, b);
  assert.equal(a.transact((tx) => tx.map('users', 7).delete()), true);
  b.transact((tx) => tx.counter('users', 7, 'visits').add(1));
  sync(a, b);
  for (const replica of [a, b]) {
    assert.equal(replica.register('users', 7, 'name').get(), undefined);
    assert.equal(replica.counter('users', 7, 'visits').value, 1);
  }
});
