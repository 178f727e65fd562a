// Connection, metadata and constants.

import assert from 'node:assert/strict'
import { metadata as metadataCodec, unifyMetadata } from '@polkadot-api/substrate-bindings'

const MODERN = /^(archive|chainHead|chainSpec|transaction|transactionWatch)_/

export async function checkConnection(checks, session) {
  const { api, client } = session

  await checks.check('connect', async () => {
    const { name, genesisHash, properties } = await client.getChainSpecData()
    assert(name.length > 0)
    assert.equal(genesisHash, await client._request('chain_getBlockHash', [0]))
    assert.equal(properties.ss58Format, await api.constants.System.SS58Prefix())
    assert.equal(typeof properties.tokenSymbol, 'string')
    assert.equal(typeof properties.tokenDecimals, 'number')
    const { number } = await client.getFinalizedBlock()
    return { name, number }
  })

  await checks.check('speaks the methods it was offered', async () => {
    const used = [...session.calls.keys()].filter((method) => method !== 'rpc_methods')
    const modern = used.filter((method) => MODERN.test(method))
    if (session.legacy) assert.deepEqual(modern, [])
    else
      assert(
        modern.includes('chainHead_v1_follow') && !used.includes('chain_subscribeAllHeads'),
        used.join(),
      )
    return { used }
  })

  await checks.check('metadata 14, 15 and 16', async () => {
    const { hash } = await client.getFinalizedBlock()
    const newest = metadataCodec.dec(await client.getMetadata(hash))
    assert.equal(newest.metadata.tag, 'v16')
    const sizes = {}
    for (const version of [14, 15, 16]) {
      const raw = await client._request('state_call', [
        'Metadata_metadata_at_version',
        `0x${version.toString(16).padStart(2, '0')}000000`,
      ])
      // Some(bytes): the option's tag and the compact length stand before the metadata.
      const at = raw.indexOf('6d657461')
      const decoded = metadataCodec.dec(`0x${raw.slice(at)}`)
      assert.equal(decoded.metadata.tag, `v${version}`)
      const names = unifyMetadata(decoded).pallets.map((pallet) => pallet.name)
      assert.deepEqual(
        names,
        unifyMetadata(newest).pallets.map((pallet) => pallet.name),
      )
      sizes[version] = (raw.length - at) / 2
    }
    return { sizes }
  })

  await checks.check('constants', async () => {
    const { Balances, System } = api.constants
    assert((await Balances.ExistentialDeposit()) > 0n)
    assert((await System.BlockHashCount()) > 0)
    const version = await System.Version()
    assert(version.spec_name.length > 0)
    const called = await api.apis.Core.version()
    assert.equal(called.spec_version, version.spec_version)
    assert.equal(called.transaction_version, version.transaction_version)
    assert((await System.BlockWeights()).max_block.ref_time > 0n)
    return { spec: version.spec_name, version: version.spec_version }
  })

  await checks.check('static interfaces', async () => {
    const fixed = await api.getStaticApis()
    const remark = new Uint8Array([1, 2])
    const data = fixed.tx.System.remark.getEncodedData({ remark })
    assert.deepEqual(data, await api.tx.System.remark({ remark }).getEncodedData())
    const { decodedCall } = fixed.txFromCallData(data)
    assert.deepEqual([decodedCall.type, decodedCall.value.type], ['System', 'remark'])
    assert.equal(
      fixed.constants.Balances.ExistentialDeposit,
      await api.constants.Balances.ExistentialDeposit(),
    )
  })
}
