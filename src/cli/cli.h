/* The command line's parts. */
#ifndef MORTISE_CLI_CLI_H
#define MORTISE_CLI_CLI_H

/* `mortise user`: argv[0] is what the usage text calls the command. Returns
 * the exit status. */
int cli_user(int argc, char **argv);

/* `mortise system`, likewise. */
int cli_system(int argc, char **argv);

#endif
