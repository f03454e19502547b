// Concurrent writes stay visible until somebody who saw them decides.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replica } from 'rejoin';
import { refuses, sync } from './script.mjs';

/** Two replicas that wrote different titles without knowing of each other. */
function apart() {
  const [a, b] = [1000, 2000].map((ms) => new Replica({ now: () => ms }));
  a.transact((tx) => tx.register('notes', 1, 'title').set('mine'));
  b.transact((tx) => tx.register('notes', 1, 'title').set('yours'));
  sync(a, b);
  return [a, b];
}

test('concurrent values are shown, sorted alike everywhere, with who wrote them when', () => {
  const [a, b] = apart();
  assert.equal(a.register('notes', 1, 'title').get(), 'yours');
  const [conflict, ...others] = a.conflicts();
  assert.deepEqual(others, []);
  assert.deepEqual(conflict.path, ['notes', 1, 'title']);
  assert.equal(conflict.type, 'register');
  const values = Object.fromEntries(conflict.siblings.map((s) => [s.value, [s.time, s.seq]]));
  assert.deepEqual(values, { mine: [1000, 1], yours: [2000, 1] });
  assert.deepEqual(b.conflicts()[0].siblings, conflict.siblings);
});

test('only conflicts below the path asked for are listed', () => {
  const [a] = apart();
  assert.equal(a.conflicts('notes', 1).length, 1);
  assert.equal(a.conflicts('notes', 2).length, 0);
});

test('a resolved conflict is gone everywhere', () => {
  const [a, b] = apart();
  const [conflict] = a.conflicts('notes');
  conflict.resolve((siblings) => siblings.map((s) => s.value).sort().join(' and '));
  sync(a, b);
  assert.deepEqual([a.conflicts(), b.conflicts()], [[], []]);
  assert.equal(b.register('notes', 1, 'title').get(), 'mine and yours');
});

test('a resolution does not write over what arrived after the conflict was listed', () => {
  const [[a], late] = [apart(), new Replica()];
  const [conflict] = a.conflicts();
  late.transact((tx) => tx.register('notes', 1, 'title').set('late'));
  sync(a, late);
  conflict.resolve(() => 'decided');
  const values = a.conflicts()[0].siblings.map((sibling) => sibling.value);
  assert.deepEqual(values.sort(), ['decided', 'late']);
});

test('a conflict that somebody else has settled is not settled again', () => {
  const [a, b] = apart();
  const [conflict] = a.conflicts();
  b.transact((tx) => tx.register('notes', 1, 'title').set('settled'));
  sync(a, b);
  refuses('conflict-changed', () => conflict.resolve(() => 'decided'));
  assert.equal(a.register('notes', 1, 'title').get(), 'settled');
});

test('a value that cannot be stored resolves nothing', () => {
  const [a] = apart();
  const [conflict] = a.conflicts();
  refuses('unsupported-value', () => conflict.resolve(() => undefined));
  assert.equal(a.conflicts().length, 1);
});

test('a path used as two types shows both', () => {
  const [a, b] = [new Replica(), new Replica()];
  a.transact((tx) => tx.register('x').set(1));
  b.transact((tx) => tx.counter('x').add(1));
  sync(a, b);
  const [conflict] = a.conflicts();
  assert.deepEqual(conflict.types, ['register', 'counter']);
  refuses('type-clash', () => conflict.resolve(() => 1));
});
