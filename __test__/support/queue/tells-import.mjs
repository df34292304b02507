// As work.mjs, and says when it was imported.
import { BroadcastChannel } from 'node:worker_threads';
import work from './work.mjs';

const channel = new BroadcastChannel('redstart-test-imported');
channel.postMessage('imported');
channel.close();

export default work;
