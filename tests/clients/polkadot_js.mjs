// The node as @polkadot/api sees it: `node polkadot_js.mjs ws://127.0.0.1:9944`.

import { ApiPromise, WsProvider } from '@polkadot/api'

import { Checks, readArguments, within } from './checks.mjs'
import { checkConnection } from './polkadot_js/connection.mjs'
import { checkPallets } from './polkadot_js/pallets.mjs'
import { checkReading } from './polkadot_js/reading.mjs'
import { checkRefusals } from './polkadot_js/refusals.mjs'
import { checkTransactions } from './polkadot_js/transactions.mjs'
import { Session } from './polkadot_js/session.mjs'

const options = readArguments()
const checks = new Checks(options)

// The library speaks of what it does not know (extensions, methods) on the console, while it
// connects; the lines are kept so that a check can demand that nothing was unknown.
const warnings = []
for (const level of ['log', 'warn', 'error'])
  console[level] = (...words) => warnings.push(words.join(' '))

const api = await within(30, ApiPromise.create({ provider: new WsProvider(options.url) }))
const session = new Session(api, options.url, warnings)

await checkConnection(checks, session)
await checkReading(checks, session)
await checkTransactions(checks, session)
await checkRefusals(checks, session)
await checkPallets(checks, session)

await api.disconnect()
checks.finish()
