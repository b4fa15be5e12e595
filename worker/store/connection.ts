/**
 * How to reach an S3-compatible store. Whatever is left out comes from the AWS defaults: environment, profile files,
 * web identity, instance role.
 */
export interface Connection {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly credentials?: Credentials | undefined;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: true with an own endpoint. */
  readonly forcePathStyle?: boolean | undefined;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}
