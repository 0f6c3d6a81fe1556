/** A small contract for tests of the executor: one line for each thing that a contract may do. */

/** Bundle text of the contract; it talks to the runtime directly. */
export const counterContract = `
(() => {
  const host = globalThis.__cloisterHost;
  const [GET, SET, REMOVE, SCAN, RANDOM, SEAL, CLAIM, REFUSE] = [0, 1, 2, 3, 4, 5, 6, 7];
  const number = (key) => JSON.parse(host(GET, key) ?? '0');
  const methods = {
    add: (args) => { host(SET, 'count', JSON.stringify(number('count') + args.by)); return number('count'); },
    put: (args) => { host(SET, args.key, JSON.stringify(args.value)); return null; },
    refuse: () => { host(SET, 'count', '666'); host(SET, '!log', '"tried"'); host(REFUSE, 'not_today', '{"why":1}', false); },
    refuseKept: () => { host(SET, 'count', '666'); host(SET, '!log', '"tried"'); host(REFUSE, 'not_today', undefined, true); },
    spin: () => { for (;;); },
    fail: () => { host(SET, 'count', '667'); throw new Error('secret text'); },
    draw: () => host(RANDOM, 16),
    tell: (args) => { host(SEAL, args.to, JSON.stringify({ news: args.news })); host(CLAIM, 'told', '1'); return 'told'; },
    fill: (args) => { for (let i = 0; i < args.rows; i += 1) host(SET, args.key + i, JSON.stringify('x'.repeat(args.size))); return null; },
    who: (args, context) => context,
  };
  globalThis.__cloisterDispatch = (entry, method, args, caller, height, timeMs, transactionId) => {
    const parsed = JSON.parse(args);
    if (entry === 'init') { host(SET, 'count', JSON.stringify(parsed?.start ?? 0)); return 'null'; }
    if (entry === 'query') return JSON.stringify(method === 'count' ? number('count') : method === 'log' ? host(GET, '!log') ?? null : methods[method](parsed));
    return JSON.stringify(methods[method](parsed, { caller, height, timeMs, transactionId }) ?? null);
  };
})();
`;
