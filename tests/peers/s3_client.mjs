// The S3 client of programs in JavaScript, against the address in the environment. Prints what it saw as JSON.
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

const MIB = 1024 * 1024;
const Bucket = process.argv[2];
const s3 = new S3Client({ endpoint: process.env.AWS_ENDPOINT_URL, region: process.env.AWS_REGION, forcePathStyle: true });

await s3.send(new PutObjectCommand({ Bucket, Key: "a b/é", Body: "héllo", ContentType: "text/plain" }));
const text = await (await s3.send(new GetObjectCommand({ Bucket, Key: "a b/é" }))).Body.transformToString();
const part = await s3.send(new GetObjectCommand({ Bucket, Key: "a b/é", Range: "bytes=-3" }));

const upload = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "big" }));
const UploadId = upload.UploadId;
const Parts = [];
for (const [index, size] of [5 * MIB, 3].entries()) {
  const PartNumber = index + 1;
  const sent = await s3.send(new UploadPartCommand({ Bucket, Key: "big", UploadId, PartNumber, Body: Buffer.alloc(size, "x") }));
  Parts.push({ PartNumber, ETag: sent.ETag, ChecksumCRC32: sent.ChecksumCRC32 });
}
await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: "big", UploadId, MultipartUpload: { Parts } }));

let missing = "";
try {
  await s3.send(new GetObjectCommand({ Bucket, Key: "none" }));
} catch (error) {
  missing = error.name;
}
const listed = await s3.send(new ListObjectsV2Command({ Bucket }));
const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "big" }));
console.log(
  JSON.stringify({
    text,
    keys: listed.Contents.map((found) => found.Key),
    size: head.ContentLength,
    range: await part.Body.transformToString(),
    missing,
  }),
);
