/**
 * How Node runs a worker, in a pod and on one machine alike. Gradients lie outside V8's heap, and a heap that begins small
 * answers every 20 MB of them with a full collection (docs/adr/0013-workers-begin-with-a-larger-heap.md).
 */
export const workerFlags = ['--enable-source-maps', '--initial-old-space-size=128', '--single-threaded-gc'] as const;
