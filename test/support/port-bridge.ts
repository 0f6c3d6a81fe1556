/**
 * Joins ports of one network namespace to those of another: `port-bridge.ts inside|outside PORT=SOCKET …`. Outside it
 * listens on the sockets and dials the ports; inside it listens on the ports and dials the sockets.
 */
import { connect, createServer } from 'node:net';

const [side, ...pairs] = process.argv.slice(2);
for (const pair of pairs) {
  const [port = '', path = ''] = pair.split('=');
  const here = { host: '127.0.0.1', port: Number(port) };
  const server = createServer((accepted) => {
    const dialled = side === 'inside' ? connect({ path }) : connect(here);
    for (const socket of [accepted, dialled]) {
      socket.on('error', () => {
        accepted.destroy();
        dialled.destroy();
      });
    }
    accepted.pipe(dialled);
    dialled.pipe(accepted);
  });
  if (side === 'inside') server.listen(here);
  else server.listen({ path });
}
