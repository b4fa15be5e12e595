// Original file: proto/espalier/v1/exchange.proto

import type { Long } from '@grpc/proto-loader';

export interface StatusInput {
  'sequence'?: (number | string | Long);
  'view'?: (number | string | Long);
  'step'?: (number | string | Long);
  'retains'?: (number | string | Long);
  'leaving'?: (boolean);
  'finished'?: (boolean);
  'parallel'?: (number);
  'rate'?: (number | string);
  'running'?: (number)[];
  'done'?: (number)[];
  'reducing'?: (number)[];
  'missing'?: (number)[];
  'reduced'?: (number)[];
  'spared'?: (boolean);
}

export interface Status {
  'sequence': (number);
  'view': (number);
  'step': (number);
  'retains': (number);
  'leaving': (boolean);
  'finished': (boolean);
  'parallel': (number);
  'rate': (number);
  'running': (number)[];
  'done': (number)[];
  'reducing': (number)[];
  'missing': (number)[];
  'reduced': (number)[];
  'spared': (boolean);
}
