// What a program with PAPI's generated types relies on:
// `node papi_descriptors.mjs ws://127.0.0.1:9944 DESCRIPTORS`, after `papi add gongshe -w ws://...`.

import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { createClient } from 'polkadot-api'
import { getWsProvider } from 'polkadot-api/ws'
import { WebSocket } from 'ws'

import { Checks, readArguments } from './checks.mjs'

const checks = new Checks(readArguments())
const [url, descriptors] = process.argv.slice(2)
const { gongshe } = await import(pathToFileURL(descriptors))
const client = createClient(getWsProvider(url, { websocketClass: WebSocket }))
const api = client.getTypedApi(gongshe)

await checks.check('the generated types fit the running chain', async () => {
  const { compat } = await api.getStaticApis()
  const misfits = [
    compat.tx.Balances.transfer_keep_alive,
    compat.tx.Utility.batch_all,
    compat.tx.Assets.create,
    compat.tx.Multisig.as_multi,
    compat.tx.Proxy.proxy,
    compat.query.System.Account,
    compat.query.System.Events,
    compat.query.Scheduler.Agenda,
    compat.constants.Balances.ExistentialDeposit,
    compat.apis.Core.version,
  ].filter((entry) => !entry.isCompatible())
  assert.equal(misfits.length, 0)
})

await checks.check('typed constants and storage', async () => {
  assert((await api.constants.Balances.ExistentialDeposit()) > 0n)
  assert((await api.query.Timestamp.Now.getValue()) > 1_600_000_000_000n)
  assert((await api.query.System.Account.getEntries()).length >= 3)
})

client.destroy()
checks.finish()
