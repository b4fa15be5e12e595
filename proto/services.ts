import type { Bidi, ClientStream, ServerStream, Unary } from './callKinds.js';
import type { FetchRequest, FetchRequestInput } from './generated/espalier/v1/FetchRequest.js';
import type { FetchStateRequest, FetchStateRequestInput } from './generated/espalier/v1/FetchStateRequest.js';
import type { GetJobRequest, GetJobRequestInput } from './generated/espalier/v1/GetJobRequest.js';
import type { IssueReply, IssueReplyInput } from './generated/espalier/v1/IssueReply.js';
import type { IssueRequest, IssueRequestInput } from './generated/espalier/v1/IssueRequest.js';
import type { Job, JobInput } from './generated/espalier/v1/Job.js';
import type { JobChange, JobChangeInput } from './generated/espalier/v1/JobChange.js';
import type { LinkReply, LinkReplyInput } from './generated/espalier/v1/LinkReply.js';
import type { LinkRequest, LinkRequestInput } from './generated/espalier/v1/LinkRequest.js';
import type { ListJobsReply, ListJobsReplyInput } from './generated/espalier/v1/ListJobsReply.js';
import type { ListJobsRequest, ListJobsRequestInput } from './generated/espalier/v1/ListJobsRequest.js';
import type { MetricPoint, MetricPointInput } from './generated/espalier/v1/MetricPoint.js';
import type { OfferReply, OfferReplyInput } from './generated/espalier/v1/OfferReply.js';
import type { PieceChunk, PieceChunkInput } from './generated/espalier/v1/PieceChunk.js';
import type { SetViewReply, SetViewReplyInput } from './generated/espalier/v1/SetViewReply.js';
import type { SetViewRequest, SetViewRequestInput } from './generated/espalier/v1/SetViewRequest.js';
import type { StateChunk, StateChunkInput } from './generated/espalier/v1/StateChunk.js';
import type { StopReply, StopReplyInput } from './generated/espalier/v1/StopReply.js';
import type { StopRequest, StopRequestInput } from './generated/espalier/v1/StopRequest.js';
import type { WatchEventsRequest, WatchEventsRequestInput } from './generated/espalier/v1/WatchEventsRequest.js';
import type { WatchJobsRequest, WatchJobsRequestInput } from './generated/espalier/v1/WatchJobsRequest.js';
import type { WatchMetricsRequest, WatchMetricsRequestInput } from './generated/espalier/v1/WatchMetricsRequest.js';
import type { WorkerEvent, WorkerEventInput } from './generated/espalier/v1/WorkerEvent.js';

/** Every service with the shape of its methods; `load.test.ts` holds it against the .proto files, both ways. */
export interface Services {
  Exchange: {
    link: Bidi<LinkRequestInput, LinkRequest, LinkReplyInput, LinkReply>;
    offer: ClientStream<PieceChunkInput, PieceChunk, OfferReplyInput, OfferReply>;
    fetch: ServerStream<FetchRequestInput, FetchRequest, PieceChunkInput, PieceChunk>;
    fetchState: ServerStream<FetchStateRequestInput, FetchStateRequest, StateChunkInput, StateChunk>;
  };
  Worker: {
    setView: Unary<SetViewRequestInput, SetViewRequest, SetViewReplyInput, SetViewReply>;
    watchEvents: ServerStream<WatchEventsRequestInput, WatchEventsRequest, WorkerEventInput, WorkerEvent>;
    stop: Unary<StopRequestInput, StopRequest, StopReplyInput, StopReply>;
  };
  Query: {
    getJob: Unary<GetJobRequestInput, GetJobRequest, JobInput, Job>;
    listJobs: Unary<ListJobsRequestInput, ListJobsRequest, ListJobsReplyInput, ListJobsReply>;
    watchJobs: ServerStream<WatchJobsRequestInput, WatchJobsRequest, JobChangeInput, JobChange>;
    watchMetrics: ServerStream<WatchMetricsRequestInput, WatchMetricsRequest, MetricPointInput, MetricPoint>;
  };
  Identity: {
    issue: Unary<IssueRequestInput, IssueRequest, IssueReplyInput, IssueReply>;
  };
}

export type ServiceName = keyof Services;

type KindOf<M> = M extends { readonly kind: infer K } ? K : never;

/** The same, for the code that joins both ends at run time. */
export const methodKinds = {
  Exchange: { link: 'bidi', offer: 'clientStream', fetch: 'serverStream', fetchState: 'serverStream' },
  Worker: { setView: 'unary', watchEvents: 'serverStream', stop: 'unary' },
  Query: { getJob: 'unary', listJobs: 'unary', watchJobs: 'serverStream', watchMetrics: 'serverStream' },
  Identity: { issue: 'unary' },
} as const satisfies { [S in ServiceName]: { [M in keyof Services[S]]: KindOf<Services[S][M]> } };
