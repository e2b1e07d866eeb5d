complete -c dcmsend-py -w dcmsend
