/** Validators on loopback that dial one another through proxies: runs everywhere, and is what small machines get. */
import { nodeWithClock, type Ground } from './ground.ts';
import { ProxyLink } from './proxy-link.ts';

/** The ground; `clockOf` names the file that shifts a validator's clock. */
export const loopbackGround = (clockOf: (index: number) => string): Ground => {
  const stack = new AsyncDisposableStack();
  const links: ProxyLink[] = [];
  return {
    kind: 'loopback',
    bad: [{ kind: 'stalled' }, { kind: 'slow', delayMs: 150 }, { kind: 'slow', delayMs: 2_500 }],
    links,
    wiring: {
      machineOf: (index) => ({ host: '127.0.0.1', command: nodeWithClock(clockOf(index)) }),
      addressOf: async (to, from) => {
        let link = links.find((known) => known.from === from.index && known.to === to.index);
        if (link === undefined) {
          link = stack.use(await ProxyLink.open(from.index, to.index, Number(to.address.split('/').at(-1))));
          links.push(link);
        }
        return `/ip4/127.0.0.1/tcp/${link.port}`;
      },
    },
    boundDisk: undefined,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
