// Metadata as @polkadot/types and PAPI's own decoders read it, without a node.
//
// Reads from standard input what test_metadata_decoders.py samples, and writes, per library and
// version, the structure it found and every sample encoded anew.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { decAnyMetadata, unifyMetadata } from '@polkadot-api/substrate-bindings'
import { Metadata, TypeRegistry } from '@polkadot/types'

// The very builders that `polkadot-api` uses: npm may keep older ones beside them.
const papi = createRequire(createRequire(import.meta.url).resolve('polkadot-api'))
const { getDynamicBuilder, getLookupFn } = papi('@polkadot-api/metadata-builders')

const input = JSON.parse(readFileSync(0, 'utf8'))
const toHex = (bytes) => '0x' + Buffer.from(bytes).toString('hex')

function byPolkadotJs(hex) {
  const registry = new TypeRegistry()
  const metadata = new Metadata(registry, hex)
  registry.setMetadata(metadata)
  const latest = metadata.asLatest
  const cases = (option) =>
    option.isNone
      ? {}
      : Object.fromEntries(
          registry.lookup
            .getSiType(option.unwrap().type)
            .def.asVariant.variants.map((each) => [each.index.toNumber(), each.name.toString()]),
        )
  for (const { id } of latest.lookup.types) registry.createType(registry.createLookupType(id))
  return {
    again: metadata.toHex(),
    extensions: registry.signedExtensions,
    pallets: Object.fromEntries(
      latest.pallets.map((pallet) => [
        pallet.name.toString(),
        {
          index: pallet.index.toNumber(),
          calls: cases(pallet.calls),
          events: cases(pallet.events),
          errors: cases(pallet.errors),
          storage: pallet.storage.isNone
            ? []
            : pallet.storage.unwrap().items.map((item) => item.name.toString()),
          constants: pallet.constants.map((each) => each.name.toString()),
        },
      ]),
    ),
    apis: Object.fromEntries(
      latest.apis.map((api) => [
        api.name.toString(),
        api.methods.map((each) => each.name.toString()),
      ]),
    ),
    calls: input.calls.map((call) => registry.createType('Call', call).toHex()),
    eventCount: registry.createType('Vec<EventRecord>', input.events).length,
    plainEvents: registry.createType('Vec<EventRecord>', input.plainEvents).toHex(),
    extrinsics: input.extrinsics.map((each) => registry.createType('Extrinsic', each).toHex()),
  }
}

function byPapi(hex) {
  const metadata = unifyMetadata(decAnyMetadata(hex))
  const lookup = getLookupFn(metadata)
  const builder = getDynamicBuilder(lookup)
  const cases = (reference) =>
    reference === undefined
      ? {}
      : Object.fromEntries(
          metadata.lookup[reference.type].def.value.map((each) => [each.index, each.name]),
        )
  for (const { id } of metadata.lookup) builder.buildDefinition(id)
  const anew = (codec, hex) => toHex(codec.enc(codec.dec(hex)))
  const call = builder.buildDefinition(lookup.call)
  const events = builder.buildStorage('System', 'Events').value
  return {
    extensions: metadata.extrinsic.signedExtensions[0].map((each) => each.identifier),
    pallets: Object.fromEntries(
      metadata.pallets.map((pallet) => {
        const constants = pallet.constants.map((each) => each.name)
        const storage = pallet.storage?.items.map((item) => item.name) ?? []
        for (const name of storage) builder.buildStorage(pallet.name, name)
        for (const { name, value } of pallet.constants) {
          builder.buildConstant(pallet.name, name).dec(value)
        }
        return [
          pallet.name,
          {
            index: pallet.index,
            calls: cases(pallet.calls),
            events: cases(pallet.events),
            errors: cases(pallet.errors),
            storage,
            constants,
          },
        ]
      }),
    ),
    apis: Object.fromEntries(
      metadata.apis.map((api) => [
        api.name,
        api.methods.map((method) => {
          builder.buildRuntimeCall(api.name, method.name)
          return method.name
        }),
      ]),
    ),
    calls: input.calls.map((each) => anew(call, each)),
    eventCount: events.dec(input.events).length,
    plainEvents: anew(events, input.plainEvents),
  }
}

const found = { '@polkadot/types': {}, papi: {} }
for (const [version, hex] of Object.entries(input.metadata)) {
  found['@polkadot/types'][version] = byPolkadotJs(hex)
  found.papi[version] = byPapi(hex)
}
process.stdout.write(JSON.stringify(found))
