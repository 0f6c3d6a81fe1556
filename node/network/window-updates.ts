/**
 * When a stream tells its peer how much more it may send. `@libp2p/yamux` does so after every message, which doubles the
 * frames of a conversation of small ones; here half a window gathers first, as in the reference implementation
 * (hashicorp/yamux, `sendWindowUpdate` in stream.go). A sender that has used up its window has filled that half, so it
 * never waits for an update that does not come.
 */
import { StreamState, type YamuxStream } from '@libp2p/yamux/stream';

/** Half of the window that streams begin with; windows only grow. */
const HALF_WINDOW_BYTES = 128 * 1024;

/** Holds the window updates of a stream back until they are worth a frame. */
export const gatherWindowUpdates = (stream: YamuxStream): void => {
  const handleData = stream.handleData.bind(stream);
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream);
  let gatheredBytes = 0;
  stream.handleData = (frame) => {
    gatheredBytes += frame.header.length;
    handleData(frame);
  };
  stream.sendWindowUpdate = () => {
    // A stream that still owes an acknowledgement sends it; a paused one sends nothing and goes on counting.
    if (stream.state === StreamState.Established && gatheredBytes < HALF_WINDOW_BYTES) return;
    if (stream.state !== StreamState.Paused) gatheredBytes = 0;
    sendWindowUpdate();
  };
};
