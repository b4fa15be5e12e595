/** Words of `spec.data` that choose how rows are read, learned and cut. */
export type DataFormat = 'auto' | RowFormat;
export type RowFormat = 'messages' | 'prompt-completion' | 'instruction' | 'text';
export type Supervise = 'all' | 'assistant' | 'completion';
export type Truncation = 'end' | 'start' | 'drop';
