"""Projects: who wants to use health data for what, who agreed to it, and until when.

Promises
  1. Nothing is built or opened for a project that lacks a decision (impact assessment, homologation, permit), or whose
     decision has ended: `ready` names every lack, and is asked at the moment of use, never remembered.
  2. Nobody gives a project a permit, or its homologation, alone.
  3. Whoever watches over it may stop a project at once and alone; to go on takes what it took to begin.
  4. No two projects share a pseudonym domain, ever: a domain is not given again, also when its project is archived.

Words
  project      a study: controller, purpose, legal basis, members (who hold a right within `project:<name>`)
  assessment   the data protection impact assessment (AIPD) that the controller made
  homologation the signed decision that the project's space is fit for these data, with its end
  permit       what may be read: tables and columns, period, cohort, under which pseudonyms, until when
"""
