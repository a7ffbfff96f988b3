/* mortise-lockcheck: what the command line asks for. */
#include <stdio.h>

#include "options.h"
#include "run.h"

static int explain(const char *name)
{
    enum check_id check;

    if (!check_from_name(name, &check)) {
        fprintf(stderr,
                "mortise-lockcheck: error: no check is called \"%s\"; --list-checks names them\n",
                name);
        return EXIT_TROUBLE;
    }
    printf("%s: %s\n\n%s", check_name(check), check_summary(check), check_explanation(check));
    return EXIT_CLEAN;
}

static int list_checks(void)
{
    for (int i = 0; i < CHECK_COUNT; i++) {
        printf("%-18s %s\n", check_name((enum check_id)i), check_summary((enum check_id)i));
    }
    return EXIT_CLEAN;
}

int main(int argc, char **argv)
{
    struct options options;
    char *message;
    int result = options_parse(&options, argc, argv, &message);

    if (result < 0) {
        fprintf(stderr,
                "mortise-lockcheck: error: %s\nmortise-lockcheck --help lists the options\n",
                message);
        g_free(message);
        result = EXIT_TROUBLE;
    } else if (result > 0) {
        result = EXIT_CLEAN;
    } else if (options.version) {
        printf("mortise-lockcheck %s\n", MORTISE_VERSION);
    } else if (options.list_checks) {
        result = list_checks();
    } else if (options.explain) {
        result = explain(options.explain);
    } else {
        result = lockcheck_run(&options);
    }
    options_clear(&options);
    return result;
}
