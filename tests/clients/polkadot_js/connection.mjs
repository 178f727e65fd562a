// Connection, metadata, constants, and what the library had to complain about.

import assert from 'node:assert/strict'
import { ApiPromise, HttpProvider } from '@polkadot/api'
import { Metadata, TypeRegistry } from '@polkadot/types'

import { refusal } from '../checks.mjs'

const PALLETS = [
  'System',
  'Timestamp',
  'Balances',
  'TransactionPayment',
  'Assets',
  'Utility',
  'Multisig',
  'Proxy',
  'Scheduler',
  'Preimage',
  'Sudo',
]

const RUNTIME_APIS = [
  'accountNonceApi',
  'blockBuilder',
  'core',
  'metadata',
  'taggedTransactionQueue',
  'transactionPaymentApi',
]

export async function checkConnection(checks, session) {
  const { api } = session

  await checks.check('connect', async () => {
    assert(api.isConnected)
    assert(api.runtimeChain.toString().length > 0)
    assert.equal(api.genesisHash.toHex(), (await api.rpc.chain.getBlockHash(0)).toHex())
    const version = await api.rpc.state.getRuntimeVersion()
    assert.equal(version.specName.toString(), api.runtimeVersion.specName.toString())
    return {
      chain: api.runtimeChain.toString(),
      spec: version.specName.toString(),
      version: version.specVersion.toNumber(),
    }
  })

  await checks.check('system names and health', async () => {
    assert((await api.rpc.system.name()).length > 0)
    assert((await api.rpc.system.version()).length > 0)
    assert.equal((await api.rpc.system.chainType()).type, 'Development')
    const health = await api.rpc.system.health()
    assert.equal(health.isSyncing.isTrue, false)
    const sync = await api.rpc.system.syncState()
    assert(sync.currentBlock.toNumber() >= 1)
    return { peers: health.peers.toNumber() }
  })

  await checks.check('properties', async () => {
    const properties = await api.rpc.system.properties()
    assert.equal(properties.ss58Format.unwrap().toNumber(), api.consts.system.ss58Prefix.toNumber())
    assert.equal(api.registry.chainTokens.length, 1)
    assert.equal(api.registry.chainDecimals.length, 1)
    return { token: api.registry.chainTokens[0], decimals: api.registry.chainDecimals[0] }
  })

  await checks.check('nothing is unknown to the library', async () => {
    const known = await api.rpc.rpc.methods()
    const complaints = session.warnings.filter((line) =>
      /unknown|unable|deprecated|fail/i.test(line),
    )
    assert.deepEqual(complaints, [])
    return {
      methods: known.methods.length,
      lines: session.warnings.map((line) => line.slice(0, 300)),
    }
  })

  await checks.check('runtime interfaces are decorated', async () => {
    for (const name of RUNTIME_APIS) assert(api.call[name], `api.call.${name}`)
    return { interfaces: Object.keys(api.call).sort() }
  })

  await checks.check('metadata 14, 15 and 16', async () => {
    assert.equal(api.runtimeMetadata.version, 16)
    const versions = (await api.call.metadata.metadataVersions()).map((version) =>
      version.toNumber(),
    )
    for (const version of [14, 15, 16])
      assert(versions.includes(version), `${version} among ${versions}`)
    const sizes = {}
    for (const version of [14, 15, 16]) {
      const raw = await metadataAt(api, version)
      const metadata = new Metadata(new TypeRegistry(), raw.toHex())
      assert.equal(metadata.version, version)
      const names = metadata.asLatest.pallets.map((pallet) => pallet.name.toString())
      assert.deepEqual(
        names,
        api.runtimeMetadata.asLatest.pallets.map((pallet) => pallet.name.toString()),
      )
      sizes[version] = raw.length
    }
    assert.equal(await metadataAt(api, 13), null)
    assert.equal((await api.rpc.state.getMetadata()).version, 14)
    return { sizes }
  })

  await checks.check('pallets', async () => {
    const names = api.runtimeMetadata.asLatest.pallets.map((pallet) => pallet.name.toString())
    for (const name of PALLETS) assert(names.includes(name), `${name} among ${names}`)
    const bare = api.runtimeMetadata.asLatest.pallets.filter(
      (pallet) =>
        pallet.calls.isSome &&
        Object.values(api.tx[lowerFirst(pallet.name.toString())]).some(
          (call) => !call.meta.docs.length,
        ),
    )
    assert.deepEqual(
      bare.map((pallet) => pallet.name.toString()),
      [],
      'calls without documentation',
    )
    return { names }
  })

  await checks.check('constants', async () => {
    const { balances, system } = api.consts
    assert(balances.existentialDeposit.toBigInt() > 0n)
    assert(system.ss58Prefix.toNumber() >= 0)
    assert(system.blockHashCount.toNumber() > 0)
    assert.equal(system.version.specVersion.toNumber(), api.runtimeVersion.specVersion.toNumber())
    assert.equal(
      system.version.transactionVersion.toNumber(),
      api.runtimeVersion.transactionVersion.toNumber(),
    )
    assert(system.blockWeights.maxBlock.refTime.toBigInt() > 0n)
    assert(system.blockLength.max.normal.toNumber() > 0)
    assert(system.dbWeight.read.toBigInt() > 0n)
    return { existentialDeposit: balances.existentialDeposit.toString() }
  })

  await checks.check('plain http', async () => {
    const plain = await ApiPromise.create({
      provider: new HttpProvider(session.url.replace(/^ws/, 'http')),
    })
    const number = (await plain.rpc.chain.getHeader()).number.toNumber()
    const account = await plain.query.system.account(session.alice.address)
    assert(account.data.free.toBigInt() > 0n)
    assert(number > 0)
    await plain.disconnect()
    return { number }
  })

  await checks.check('an unknown method is named in the refusal', async () => {
    const error = await refusal(() => api._rpcCore.provider.send('chain_doesNotExist', []))
    assert.equal(error.code, -32601)
    return { message: error.message }
  })
}

/** As the library itself asks when it connects; its decorated call mistakes Option<Bytes> for Bytes. */
async function metadataAt(api, version) {
  const raw = await api.rpc.state.call(
    'Metadata_metadata_at_version',
    `0x${version.toString(16).padStart(2, '0')}000000`,
  )
  return api.registry.createType('Option<OpaqueMetadata>', raw.toU8a(true)).unwrapOr(null)
}

function lowerFirst(name) {
  return name[0].toLowerCase() + name.slice(1)
}
