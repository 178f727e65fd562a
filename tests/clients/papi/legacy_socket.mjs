// A WebSocket over which `rpc_methods` lists nothing of the new JSON-RPC specification.

import { WebSocket } from 'ws'

const MODERN = /^(archive|chainHead|chainSpec|transaction|transactionWatch)_/

export class LegacySocket extends WebSocket {
  emit(name, data, ...rest) {
    return super.emit(name, name === 'message' ? withoutModern(data) : data, ...rest)
  }
}

function withoutModern(data) {
  const message = JSON.parse(data.toString())
  if (!Array.isArray(message.result?.methods)) return data
  message.result.methods = message.result.methods.filter((method) => !MODERN.test(method))
  return Buffer.from(JSON.stringify(message))
}
