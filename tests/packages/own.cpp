int of_the_project() { return 1; }
