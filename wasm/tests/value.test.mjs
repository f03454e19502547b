// What goes in comes out; what could not is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createContext, runInContext } from 'node:vm';

import { Replica, Timestamp } from 'rejoin';
import { refuses } from './script.mjs';

/** The value after it went to another replica. */
function through(value) {
  const [a, b] = [new Replica(), new Replica()];
  a.transact((tx) => tx.register('x').set(value));
  b.apply(a.deltaSince(b.context()));
  return b.register('x').get();
}

const unchanged = {
  null: null,
  true: true,
  zero: 0,
  'minus zero': -0,
  five: 5.0,
  fraction: 0.1,
  'the greatest exact integer': 2 ** 53 - 1,
  '2 to the 53': 2 ** 53,
  'a large number': 1.7976931348623157e308,
  'a small number': 5e-324,
  NaN,
  infinity: -Infinity,
  'a bigint beyond numbers': 2n ** 53n,
  'the greatest bigint': 2n ** 64n - 1n,
  'the least bigint': -(2n ** 63n),
  'empty text': '',
  unicode: 'żółć 日本語 👩‍🚀 \u0000 \uffff \ufffd',
  bytes: Uint8Array.of(0, 255, 127),
  array: [1, ['two', [null]], {}],
  object: { b: 1, a: { c: [true] }, '': '', 7: 'seven' },
  date: new Date(1700000000123),
  'an early date': new Date(-1),
  'the last date': new Date(8.64e15),
  'a fine time': new Timestamp(1700000000, 1),
  'a far time': new Timestamp(2n ** 60n, 0),
  'integer keys': new Map([[7, 'seven'], [2n ** 60n, 1], ['7', 'text']]),
};

for (const [name, value] of Object.entries(unchanged)) {
  test(`${name} arrives unchanged`, () => assert.deepStrictEqual(through(value), value));
}

test('a bigint that a number holds exactly comes back as the number', () => {
  assert.equal(through(5n), 5);
});

test('numbers that are equal in JavaScript are one element of a set', () => {
  const replica = new Replica();
  replica.transact((tx) => [5, 5.0, 5n, { a: 1, b: 2 }, { b: 2, a: 1 }].forEach((v) => tx.set('s').add(v)));
  assert.deepEqual(replica.set('s').values(), [5, { a: 1, b: 2 }]);
  assert.ok(replica.set('s').has({ b: 2, a: 1 }));
});

test('a property named __proto__ is a property', () => {
  const value = JSON.parse('{"__proto__": {"polluted": true}}');
  const arrived = through(value);
  assert.deepEqual(Object.keys(arrived), ['__proto__']);
  assert.equal(Object.getPrototypeOf(arrived), Object.prototype);
  assert.equal(arrived.polluted, undefined);
});

test('objects of another realm and without a prototype are plain objects', () => {
  const foreign = runInContext('({ a: [1, { b: 2 }] })', createContext());
  assert.deepEqual(through(foreign), { a: [1, { b: 2 }] });
  assert.deepEqual(through(Object.assign(Object.create(null), { a: 1 })), { a: 1 });
});

const cyclic = [];
cyclic.push(cyclic);
const revoked = Proxy.revocable([], {});
revoked.revoke();
const refused = {
  'unsupported-value': [
    undefined, () => {}, Symbol('s'), [1, undefined], [, 1], { a: undefined }, new Set(), /x/,
    new (class Point {})(), new Float64Array(1), new ArrayBuffer(1), Promise.resolve(),
    new Map([[0.5, 1]]), new Map([[{}, 1]]), new Array(2 ** 32 - 1),
  ],
  'integer-out-of-range': [2n ** 64n, -(2n ** 63n) - 1n, [1n << 200n]],
  'invalid-date': [new Date(NaN), new Timestamp(0, 1e9)],
  'lone-surrogate': ['\ud800', { '\udc00': 1 }, ['ok \ufffd', 'a\udfff']],
  'value-too-deep': [cyclic, JSON.parse('['.repeat(33) + ']'.repeat(33))],
  'value-too-large': [
    'x'.repeat(2 ** 18 + 1), new Uint8Array(2 ** 18 + 1), new Uint8Array(2 ** 28),
    new Array(1000).fill('x'.repeat(2 ** 18 - 1)), new Array(2 ** 19).fill(null),
  ],
  'unreadable-value': [
    { get x() { throw new Error('no'); } }, revoked.proxy, Object.create(Date.prototype),
    new Proxy([], { get() { throw new Error('no'); } }), Object.create(Uint8Array.prototype),
    new Proxy({}, { ownKeys() { throw new Error('no'); } }), Object.create(Map.prototype),
  ],
};

for (const [code, values] of Object.entries(refused)) {
  test(`values are refused with the code ${code}, and nothing is changed`, () => {
    const replica = new Replica();
    for (const value of values) {
      refuses(code, () => replica.transact((tx) => tx.register('x').set(value)));
      refuses(code, () => replica.set('x').has(value));
    }
    assert.deepEqual(replica.context(), new Replica().context());
  });
}

test('the deepest value that may be stored comes back', () => {
  const deep = JSON.parse('['.repeat(32) + ']'.repeat(32));
  assert.deepEqual(through(deep), deep);
});

test('an amount is an integer of 64 bits', () => {
  const replica = new Replica();
  replica.transact((tx) => {
    for (const wrong of [0.5, NaN, 2 ** 53, '1', null, undefined, 2n ** 63n]) {
      refuses('invalid-amount', () => tx.counter('c').add(wrong));
    }
    tx.counter('c').add(-0);
    tx.counter('c').add(2 ** 53 - 1);
    assert.equal(tx.counter('c').value, 2 ** 53 - 1);
    tx.counter('c').add(2n ** 63n - 2n ** 53n);
    assert.equal(tx.counter('c').value, 2n ** 63n - 1n);
    tx.counter('c').add(-(2n ** 63n));
    assert.equal(tx.counter('c').value, -1);
  });
});

test('components of a path keep their type', () => {
  const uuid = { uuid: '00112233-4455-6677-8899-aabbccddeeff' };
  const path = [true, 7, '7', 2n ** 60n, Uint8Array.of(7), uuid];
  const replica = new Replica();
  replica.transact((tx) => tx.register(...path).set(1));
  assert.equal(replica.register(...path).get(), 1);
  path.forEach((component, at) => {
    assert.deepEqual(replica.map(...path.slice(0, at)).keys(), [component]);
  });
  assert.equal(replica.register(true, 7n, '7', 2n ** 60n, Uint8Array.of(7), uuid).get(), 1);
});

test('what is no component of a path is refused', () => {
  const replica = new Replica();
  const wrong = [0.5, NaN, 2 ** 53, null, undefined, [], {}, { uuid: 'x' }, new Date(0), '\ud800', 2n ** 64n];
  for (const component of wrong) {
    refuses('invalid-path', () => replica.register('a', component).get());
  }
  const long = ['x'.repeat(1025), new Uint8Array(1025), { get uuid() { throw 1; } }];
  for (const component of long) {
    refuses('invalid-path', () => replica.transact((tx) => tx.register(component).set(1)));
  }
  const deep = new Array(33).fill(1);
  refuses('invalid-path', () => replica.transact((tx) => tx.register(...deep).set(1)));
});
