/** The two kinds of waiting that a wallet does, with web globals only. */

/** Runs the task after the present turn of the event loop and its microtasks, without a timer's granularity. */
export const afterThisTurn = (task: () => void): void => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    port2.close();
    task();
  };
  port2.postMessage(undefined);
};

/** Resolves after some milliseconds. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
