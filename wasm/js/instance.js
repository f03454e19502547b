// The WebAssembly instance: loading it, and calling it in a way that notices when it broke.
//
// What must always hold: an instance that failed in the middle of a call is never called again. Its
// memory may be half changed, so everybody who asks hears that it is broken, not a wrong answer.

import load, { initSync as loadSync } from '../pkg/rejoin_wasm.js';
import { RejoinError } from './error.js';

let loading;
let ready = false;
let failure;

/**
 * Loads the WebAssembly module, once. Without an argument it is fetched from beside this package;
 * otherwise from a URL, a Response, bytes or a compiled module.
 */
export function init(source) {
  loading ??= start(source).catch((error) => {
    loading = undefined;
    throw new RejoinError('not-loaded', 'the WebAssembly module could not be loaded', error);
  });
  return loading;
}

/** As `init`, from bytes or a compiled module, where nothing can be awaited. */
export function initSync(module) {
  if (ready) return;
  try {
    loadSync({ module });
  } catch (error) {
    throw new RejoinError('not-loaded', 'the WebAssembly module could not be loaded', error);
  }
  ready = true;
}

/** Runs a call into the instance. Whatever it throws beside a refusal means that it broke. */
export function enter(call) {
  if (failure !== undefined) throw broken();
  if (!ready) throw new RejoinError('not-initialised', 'await init() before anything else');
  try {
    return call();
  } catch (error) {
    if (error instanceof RejoinError) throw error;
    failure = error ?? new Error('unknown');
    throw broken();
  }
}

async function start(source) {
  if (ready) return;
  await load({ module_or_path: await (source ?? beside()) });
  ready = true;
}

/** Browsers and bundlers resolve the URL and fetch it; Node fetches no files and reads this one. */
async function beside() {
  const url = new URL('../pkg/rejoin_wasm_bg.wasm', import.meta.url);
  if (url.protocol !== 'file:') return url;
  const { readFile } = await import('node:fs/promises');
  return readFile(url);
}

function broken() {
  const message = 'the WebAssembly instance failed during an earlier call; load the page again';
  return new RejoinError('poisoned', message, failure);
}
