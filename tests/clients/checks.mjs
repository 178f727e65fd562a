// One JSON line per check on standard output; everything else goes to standard error.

import assert from 'node:assert/strict'

/** Longest time one check may take: a chain with one-second slots needs a few seconds for most. */
const CHECK_SECONDS = 60

/** Runs named checks one by one, reports each, and stops at the first failure unless told otherwise. */
export class Checks {
  constructor({ keepGoing = false, only = [] } = {}) {
    this.keepGoing = keepGoing
    this.only = only
    this.failed = []
    this.reported = new Set()
  }

  async check(name, body, seconds = CHECK_SECONDS) {
    if (this.only.length && !this.only.some((part) => name.startsWith(part))) return
    assert(!this.reported.has(name), `two checks are called ${name}`)
    this.reported.add(name)
    const began = performance.now()
    const line = { check: name, ok: true }
    try {
      Object.assign(line, await within(seconds, body()))
    } catch (error) {
      line.ok = false
      line.error = describe(error)
      this.failed.push(name)
    }
    line.milliseconds = Math.round(performance.now() - began)
    process.stdout.write(`${JSON.stringify(line, readable)}\n`)
    if (!line.ok && !this.keepGoing) this.finish()
  }

  finish() {
    if (this.failed.length) process.stderr.write(`failed: ${this.failed.join(', ')}\n`)
    process.exit(this.failed.length ? 1 : 0)
  }
}

/** Reads `URL [--keep-going] [--only a,b] [--flag]` from the command line. */
export function readArguments() {
  const [url, ...flags] = process.argv.slice(2)
  assert(url, 'the first argument is the address of the node, such as ws://127.0.0.1:9944')
  const at = flags.indexOf('--only')
  return {
    url,
    keepGoing: flags.includes('--keep-going'),
    legacy: flags.includes('--legacy'),
    only: at < 0 ? [] : flags[at + 1].split(','),
  }
}

/** Resolves as the promise does, or rejects when the time has passed. */
export function within(seconds, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result within ${seconds} s`)), seconds * 1000)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** The first `count` values that a callback subscription delivers; `start` returns its stopper. */
export async function take(count, start) {
  const values = []
  let enough
  const full = new Promise((resolve) => {
    enough = resolve
  })
  const stop = await start((value) => {
    if (values.length < count && values.push(value) === count) enough()
  })
  await full
  stop()
  return values
}

/** Runs the body and returns the error it must raise. */
export async function refusal(body) {
  let answer
  try {
    answer = await body()
  } catch (error) {
    return error
  }
  assert.fail(`a refusal was expected, the answer was ${JSON.stringify(answer, readable)}`)
}

/** JSON for values that JSON lacks. */
export function readable(_key, value) {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`
  return value
}

function describe(error) {
  if (!(error instanceof Error)) return JSON.stringify(error, readable) ?? String(error)
  const where = (error.stack ?? '')
    .split('\n')
    .find(
      (line) =>
        line.includes('/tests/clients/') &&
        !line.includes('node_modules') &&
        !line.includes('checks.mjs'),
    )
  return `${error.message.slice(0, 2000)}${where ? ` (${where.trim().replace(/^at .*\/tests\//, 'tests/')})` : ''}`
}
