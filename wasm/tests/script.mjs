// What the tests share: the scripted replicas, and a way to see which refusal a call meets.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { Replica, RejoinError, Timestamp, init } from 'rejoin';

await init();

export const script = readJson('script.json');
export const expected = readJson('expected.json');

/** Runs all steps: the replicas, the delta of each step, and where every replica stands in the end. */
export function runScript() {
  let now;
  const replicas = mapValues(script.replicas, (id) => {
    return new Replica({ replicaId: fromHex(id), now: () => now });
  });
  const deltas = script.steps.map((step) => {
    now = step.at;
    const replica = replicas[step.on];
    const before = replica.context();
    if (step.from !== undefined) {
      const delta = replicas[step.from].deltaSince(before);
      replica.apply(delta);
      return toHex(delta);
    }
    replica.transact((tx) => step.do.forEach((operation) => perform(tx, operation)));
    return toHex(replica.deltaSince(before));
  });
  const ends = mapValues(replicas, (replica) => {
    return { context: toHex(replica.context()), fingerprint: replica.fingerprint() };
  });
  return { replicas, deltas, ends };
}

function perform(tx, [name, path, argument]) {
  const [type, method] = name.split('.');
  const handle = tx[type](...path.map(value));
  if (argument === undefined) handle[method]();
  else handle[method](value(argument));
}

/** The value of the script's JSON, which has objects of one member for what JSON lacks. */
export function value(json) {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(value);
  const [name] = Object.keys(json);
  switch (name) {
    case '$int':
      return BigInt(json.$int);
    case '$float':
      return { NaN, inf: Infinity, '-inf': -Infinity }[json.$float] ?? Number(json.$float);
    case '$bytes':
      return fromHex(json.$bytes);
    case '$time':
      return time(...json.$time);
    default:
      return mapValues(json, value);
  }
}

function time(seconds, nanos) {
  const date = new Date(seconds * 1000 + nanos / 1e6);
  return nanos % 1e6 === 0 ? date : new Timestamp(seconds, nanos);
}

/** Asserts that `call` throws a RejoinError with this code, and returns it. */
export function refuses(code, call) {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof RejoinError, `${error.stack ?? error}`);
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`nothing was refused where ${code} was expected`);
}

/** Gives each replica what it lacks of the other. */
export function sync(a, b) {
  a.apply(b.deltaSince(a.context()));
  b.apply(a.deltaSince(b.context()));
}

export const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

export const toHex = (bytes) => Buffer.from(bytes).toString('hex');

function mapValues(object, convert) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, convert(value)]));
}

function readJson(name) {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
}
