"""A made-up country of patients: what hospitals and the claims base deliver about them, and the truth that nobody delivers.

Promises
  1. No one in it exists: names, numbers and lives are drawn. It may go wherever test data may go.
  2. One seed, one output, byte for byte, whatever the number of workers (`generating`).
  3. Memory does not grow with the events: people are made in blocks, and only six bytes of each are held for all.
  4. Everything that is wrong in the extracts was put there, and is listed: duplicates, typing errors, shared numbers,
     second numbers, bad rows, late corrections (`truth`).
  5. A question has a known answer: diclofenac multiplies the risk of a gastric bleed by a factor that was chosen (`lives`).

Words
  block      10,000 people who live, are drawn and are written together
  person     who somebody really is: a number that no extract holds
  record     what one source believes a person to be, under a number of its own
  delivery   what a source hands over at one time; the second one corrects the first

docs/formats/generated-extracts.md says what is in the files.
"""
