"""Building: accepted deliveries of several providers become the warehouse's CDM, by one act.

Promises
  1. What is read is what was accepted: the exact versions of files that a delivery names, as streams, each read recorded.
  2. No identifier reaches the disk in clear. Who somebody is is held in memory until all are linked, and replaced on the way
     by the warehouse's pseudonym; what a site calls a stay or a doctor by a keyed name; every other declared identifier is left out.
  3. One person of several providers is one person of the CDM. On doubt nobody is merged; whom no identity stands for is what one
     provider calls her, and nobody else.
  4. Who objects to secondary use, or withdrew, is in no table. It is asked at each build.
  5. Killed at any moment, the next run goes on. The same deliveries and the same decisions again: nothing is done.

Words
  extract     the whole of what a provider tells: its newest accepted delivery or, if that holds changes, the chain that it ends
  chain       a whole delivery and the changes accepted since, each after the one before it
  form        what is known of the tables of a source: who is in them, and what must not stay
  record      a person as one provider knows her, by that provider's own number

docs/how-to/build-the-warehouse.md says how it is driven; docs/explanation/building.md what is replaced by what.
"""
