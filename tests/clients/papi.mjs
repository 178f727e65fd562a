// The node as PAPI sees it: `node papi.mjs ws://127.0.0.1:9944 [--legacy]`.
//
// PAPI chooses per group of methods by what `rpc_methods` lists. With --legacy the answer to that one
// call is shortened on its way to the client, so that it speaks the older methods alone.

import { createClient } from 'polkadot-api'
import { getWsProvider } from 'polkadot-api/ws'
import { WebSocket } from 'ws'

import { Checks, readArguments, within } from './checks.mjs'
import { checkConnection } from './papi/connection.mjs'
import { checkPallets } from './papi/pallets.mjs'
import { checkReading } from './papi/reading.mjs'
import { checkTransactions } from './papi/transactions.mjs'
import { Session } from './papi/session.mjs'
import { LegacySocket } from './papi/legacy_socket.mjs'

const options = readArguments()
const checks = new Checks(options)

const calls = new Map()
const client = createClient(
  getWsProvider(options.url, {
    websocketClass: options.legacy ? LegacySocket : WebSocket,
    logger: ({ type, msg }) => {
      if (type !== 'OUT') return
      for (const { method } of [JSON.parse(msg)].flat())
        calls.set(method, (calls.get(method) ?? 0) + 1)
    },
  }),
)
await within(30, client.getFinalizedBlock())
const session = new Session(client, { ...options, calls })

await checkConnection(checks, session)
await checkReading(checks, session)
await checkTransactions(checks, session)
await checkPallets(checks, session)

client.destroy()
checks.finish()
