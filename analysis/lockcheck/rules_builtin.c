/* What is known by name without configuration: POSIX and C11 threads, glib,
 * liburcu, Concurrency Kit, libuv, libevent, and what of the C library waits
 * or calls back. Argument numbers count from 0.
 *
 * "Blocks" is said of what waits for another thread, process, peer or device
 * for an unbounded time. Buffered output (printf, fwrite) is left out: it
 * would drown the rest in debug messages; reading and flushing are in. A timed
 * lock can fail, like a trylock, and blocks besides. */
#include "rules_table.h"

/* clang-format off */
/* NOLINTBEGIN(bugprone-macro-parentheses): initialisers, of constants */
#define RULE(name, kind_)             {.function = name, .kind = kind_, .lock = -1, .callback = -1, .data = -1}
#define ARGUMENT(name, kind_, arg, mode_, spin) \
    {.function = name, .kind = kind_, .mode = mode_, .lock = arg, .callback = -1, .data = -1, .nonblocking = spin}
#define TRY(name, arg, mode_, ok, spin) \
    {.function = name, .kind = RULE_TRY_ACQUIRE, .mode = mode_, .success = ok, .lock = arg, .callback = -1, .data = -1, .nonblocking = spin}
#define CALLS(name, kind_, fn, arg, role_) \
    {.function = name, .kind = kind_, .lock = -1, .callback = fn, .data = arg, .role = role_}
/* NOLINTEND(bugprone-macro-parentheses) */

#define LOCK(name)                    ARGUMENT(name, RULE_ACQUIRE, 0, RULE_EXCLUSIVE, false)
#define LOCK_SHARED(name)             ARGUMENT(name, RULE_ACQUIRE, 0, RULE_SHARED, false)
#define TRYLOCK(name, ok)             TRY(name, 0, RULE_EXCLUSIVE, ok, false)
#define TRYLOCK_SHARED(name, ok)      TRY(name, 0, RULE_SHARED, ok, false)
#define UNLOCK(name)                  ARGUMENT(name, RULE_RELEASE, 0, RULE_EXCLUSIVE, false)
#define UNLOCK_SHARED(name)           ARGUMENT(name, RULE_RELEASE, 0, RULE_SHARED, false)
#define UNLOCK_ANY(name)              ARGUMENT(name, RULE_RELEASE, 0, RULE_ANY, false)
#define INIT(name)                    ARGUMENT(name, RULE_INIT, 0, RULE_EXCLUSIVE, false)
#define DESTROY(name)                 ARGUMENT(name, RULE_DESTROY, 0, RULE_EXCLUSIVE, false)
#define WAIT(name, arg)               ARGUMENT(name, RULE_WAIT, arg, RULE_EXCLUSIVE, false)
#define SIGNAL(name)                  RULE(name, RULE_SIGNAL)
#define SPIN(name)                    ARGUMENT(name, RULE_ACQUIRE, 0, RULE_EXCLUSIVE, true)
#define SPIN_SHARED(name)             ARGUMENT(name, RULE_ACQUIRE, 0, RULE_SHARED, true)
#define SPIN_TRY(name)                TRY(name, 0, RULE_EXCLUSIVE, RESULT_NONZERO, true)
#define SPIN_TRY_SHARED(name)         TRY(name, 0, RULE_SHARED, RESULT_NONZERO, true)
#define SPIN_UNLOCK(name)             ARGUMENT(name, RULE_RELEASE, 0, RULE_EXCLUSIVE, true)
#define SPIN_UNLOCK_SHARED(name)      ARGUMENT(name, RULE_RELEASE, 0, RULE_SHARED, true)
#define BLOCKS(name)                  RULE(name, RULE_BLOCK)
#define NORETURN(name)                RULE(name, RULE_NORETURN)
#define JOIN(name)                    RULE(name, RULE_THREAD_JOIN)
#define CREATE(name, fn, arg)         CALLS(name, RULE_THREAD_CREATE, fn, arg, NULL)
#define CALL(name, fn, arg)           CALLS(name, RULE_CALLBACK, fn, arg, NULL)
#define LATER(name, fn, arg, role)    CALLS(name, RULE_CALLBACK_LATER, fn, arg, role)
#define FREE(name, arg)               ARGUMENT(name, RULE_FREE, arg, RULE_EXCLUSIVE, false)

static const struct rule pthread_rules[] = {
    LOCK("pthread_mutex_lock"), TRYLOCK("pthread_mutex_trylock", RESULT_ZERO),
    TRYLOCK("pthread_mutex_timedlock", RESULT_ZERO), BLOCKS("pthread_mutex_timedlock"),
    TRYLOCK("pthread_mutex_clocklock", RESULT_ZERO), BLOCKS("pthread_mutex_clocklock"),
    UNLOCK("pthread_mutex_unlock"), INIT("pthread_mutex_init"), DESTROY("pthread_mutex_destroy"),

    LOCK("pthread_rwlock_wrlock"), LOCK_SHARED("pthread_rwlock_rdlock"),
    TRYLOCK("pthread_rwlock_trywrlock", RESULT_ZERO), TRYLOCK_SHARED("pthread_rwlock_tryrdlock", RESULT_ZERO),
    TRYLOCK("pthread_rwlock_timedwrlock", RESULT_ZERO), BLOCKS("pthread_rwlock_timedwrlock"),
    TRYLOCK("pthread_rwlock_clockwrlock", RESULT_ZERO), BLOCKS("pthread_rwlock_clockwrlock"),
    TRYLOCK_SHARED("pthread_rwlock_timedrdlock", RESULT_ZERO), BLOCKS("pthread_rwlock_timedrdlock"),
    TRYLOCK_SHARED("pthread_rwlock_clockrdlock", RESULT_ZERO), BLOCKS("pthread_rwlock_clockrdlock"),
    UNLOCK_ANY("pthread_rwlock_unlock"), INIT("pthread_rwlock_init"), DESTROY("pthread_rwlock_destroy"),

    SPIN("pthread_spin_lock"), TRY("pthread_spin_trylock", 0, RULE_EXCLUSIVE, RESULT_ZERO, true),
    SPIN_UNLOCK("pthread_spin_unlock"), INIT("pthread_spin_init"), DESTROY("pthread_spin_destroy"),

    WAIT("pthread_cond_wait", 1), WAIT("pthread_cond_timedwait", 1), WAIT("pthread_cond_clockwait", 1),
    SIGNAL("pthread_cond_signal"), SIGNAL("pthread_cond_broadcast"),
    BLOCKS("pthread_barrier_wait"),

    CREATE("pthread_create", 2, 3),
    JOIN("pthread_join"), JOIN("pthread_timedjoin_np"), JOIN("pthread_clockjoin_np"),
    CALL("pthread_once", 1, -1),
    LATER("pthread_atfork", 0, -1, "fork"), LATER("pthread_atfork", 1, -1, "fork"),
    LATER("pthread_atfork", 2, -1, "fork"),
    LATER("pthread_key_create", 1, -1, "thread-exit"),
    LATER("pthread_cleanup_push", 0, 1, "thread-exit"), LATER("_pthread_cleanup_push", 1, 2, "thread-exit"),
    NORETURN("pthread_exit"),

    BLOCKS("sem_wait"), BLOCKS("sem_timedwait"), BLOCKS("sem_clockwait"),
    BLOCKS("semop"), BLOCKS("semtimedop"), BLOCKS("msgrcv"), BLOCKS("msgsnd"),
    BLOCKS("mq_receive"), BLOCKS("mq_timedreceive"), BLOCKS("mq_send"), BLOCKS("mq_timedsend"),
};

static const struct rule c11_rules[] = {
    LOCK("mtx_lock"), TRYLOCK("mtx_trylock", RESULT_ZERO),
    TRYLOCK("mtx_timedlock", RESULT_ZERO), BLOCKS("mtx_timedlock"),
    UNLOCK("mtx_unlock"), INIT("mtx_init"), DESTROY("mtx_destroy"),
    WAIT("cnd_wait", 1), WAIT("cnd_timedwait", 1), SIGNAL("cnd_signal"), SIGNAL("cnd_broadcast"),
    CREATE("thrd_create", 1, 2), JOIN("thrd_join"), BLOCKS("thrd_sleep"), NORETURN("thrd_exit"),
    CALL("call_once", 1, -1), LATER("tss_create", 1, -1, "thread-exit"),
};

static const struct rule glib_rules[] = {
    LOCK("g_mutex_lock"), TRYLOCK("g_mutex_trylock", RESULT_NONZERO), UNLOCK("g_mutex_unlock"),
    INIT("g_mutex_init"), DESTROY("g_mutex_clear"),
    LOCK("g_rec_mutex_lock"), TRYLOCK("g_rec_mutex_trylock", RESULT_NONZERO), UNLOCK("g_rec_mutex_unlock"),
    INIT("g_rec_mutex_init"), DESTROY("g_rec_mutex_clear"),
    LOCK("g_static_rec_mutex_lock"), TRYLOCK("g_static_rec_mutex_trylock", RESULT_NONZERO),
    UNLOCK("g_static_rec_mutex_unlock"),
    LOCK("g_rw_lock_writer_lock"), TRYLOCK("g_rw_lock_writer_trylock", RESULT_NONZERO),
    UNLOCK("g_rw_lock_writer_unlock"), LOCK_SHARED("g_rw_lock_reader_lock"),
    TRYLOCK_SHARED("g_rw_lock_reader_trylock", RESULT_NONZERO), UNLOCK_SHARED("g_rw_lock_reader_unlock"),
    INIT("g_rw_lock_init"), DESTROY("g_rw_lock_clear"),
    LOCK("g_bit_lock"), TRYLOCK("g_bit_trylock", RESULT_NONZERO), UNLOCK("g_bit_unlock"),
    LOCK("g_pointer_bit_lock"), TRYLOCK("g_pointer_bit_trylock", RESULT_NONZERO), UNLOCK("g_pointer_bit_unlock"),
    WAIT("g_cond_wait", 1), WAIT("g_cond_wait_until", 1), WAIT("g_cond_timed_wait", 1),
    SIGNAL("g_cond_signal"), SIGNAL("g_cond_broadcast"),

    CREATE("g_thread_new", 1, 2), CREATE("g_thread_try_new", 1, 2), CREATE("g_thread_create_full", 0, 1),
    JOIN("g_thread_join"), NORETURN("g_thread_exit"),
    CALL("g_once_impl", 1, 2), LATER("g_thread_pool_new", 0, 1, "glib-pool"),
    LATER("g_thread_pool_new_full", 0, 1, "glib-pool"), LATER("g_task_run_in_thread", 1, -1, "glib-pool"),
    CALL("g_task_run_in_thread_sync", 1, -1), BLOCKS("g_task_run_in_thread_sync"),
    JOIN("g_thread_pool_free"),

    LATER("g_idle_add", 0, 1, "main-loop"), LATER("g_idle_add_once", 0, 1, "main-loop"),
    LATER("g_idle_add_full", 1, 2, "main-loop"),
    LATER("g_timeout_add", 1, 2, "main-loop"), LATER("g_timeout_add_once", 1, 2, "main-loop"),
    LATER("g_timeout_add_full", 2, 3, "main-loop"), LATER("g_timeout_add_seconds", 1, 2, "main-loop"),
    LATER("g_timeout_add_seconds_full", 2, 3, "main-loop"),
    LATER("g_source_set_callback", 1, 2, "main-loop"),
    LATER("g_io_add_watch", 2, 3, "main-loop"), LATER("g_io_add_watch_full", 3, 4, "main-loop"),
    LATER("g_unix_fd_add", 2, 3, "main-loop"), LATER("g_unix_fd_add_full", 3, 4, "main-loop"),
    LATER("g_unix_signal_add", 1, 2, "main-loop"), LATER("g_unix_signal_add_full", 2, 3, "main-loop"),
    LATER("g_child_watch_add", 1, 2, "main-loop"), LATER("g_child_watch_add_full", 2, 3, "main-loop"),
    LATER("g_main_context_invoke", 1, 2, "main-loop"), LATER("g_main_context_invoke_full", 2, 3, "main-loop"),
    BLOCKS("g_main_loop_run"), BLOCKS("g_main_context_iteration"), BLOCKS("g_usleep"), BLOCKS("g_poll"),
    BLOCKS("g_async_queue_pop"), BLOCKS("g_async_queue_timeout_pop"), BLOCKS("g_spawn_sync"),
    BLOCKS("g_spawn_command_line_sync"),

    CALL("g_list_foreach", 1, 2), CALL("g_slist_foreach", 1, 2), CALL("g_queue_foreach", 1, 2),
    CALL("g_ptr_array_foreach", 1, 2), CALL("g_hash_table_foreach", 1, 2),
    CALL("g_hash_table_foreach_remove", 1, 2), CALL("g_hash_table_foreach_steal", 1, 2),
    CALL("g_hash_table_find", 1, 2), CALL("g_tree_foreach", 1, 2), CALL("g_sequence_foreach", 1, 2),
    CALL("g_list_sort", 1, -1), CALL("g_slist_sort", 1, -1), CALL("g_list_sort_with_data", 1, 2),
    CALL("g_ptr_array_sort", 1, -1), CALL("g_ptr_array_sort_with_data", 1, 2),
    CALL("g_array_sort", 1, -1), CALL("g_array_sort_with_data", 1, 2), CALL("g_qsort_with_data", 3, 4),
    CALL("g_list_find_custom", 2, -1), CALL("g_slist_find_custom", 2, -1),
    CALL("g_list_free_full", 1, -1), CALL("g_slist_free_full", 1, -1), CALL("g_queue_free_full", 1, -1),
    CALL("g_clear_pointer", 1, -1), CALL("g_datalist_foreach", 1, 2),

    FREE("g_free", 0), FREE("g_free_sized", 0), FREE("g_slice_free1", 1), FREE("g_realloc", 0),
    NORETURN("g_abort"), NORETURN("g_assertion_message"), NORETURN("g_assertion_message_expr"),
    NORETURN("g_assertion_message_cmpnum"), NORETURN("g_assertion_message_cmpstr"),
};

#define URCU_SECTION(lock, unlock) RULE(lock, RULE_RCU_READ_LOCK), RULE(unlock, RULE_RCU_READ_UNLOCK)
#define URCU_WRITER(sync, call, barrier)                                                     \
    RULE(sync, RULE_RCU_SYNCHRONIZE), CALLS(call, RULE_RCU_CALL, 1, 0, "rcu"), RULE(barrier, RULE_RCU_BARRIER)
#define URCU_FLAVOUR(f)                                                                      \
    URCU_SECTION("urcu_" f "_read_lock", "urcu_" f "_read_unlock"),                          \
    URCU_SECTION("_urcu_" f "_read_lock", "_urcu_" f "_read_unlock"),                        \
    URCU_SECTION("rcu_read_lock_" f, "rcu_read_unlock_" f),                                  \
    URCU_SECTION("_rcu_read_lock_" f, "_rcu_read_unlock_" f),                                \
    URCU_WRITER("urcu_" f "_synchronize_rcu", "urcu_" f "_call_rcu", "urcu_" f "_barrier"),  \
    URCU_WRITER("synchronize_rcu_" f, "call_rcu_" f, "rcu_barrier_" f),                      \
    CALLS("urcu_" f "_defer_rcu", RULE_RCU_CALL, 0, 1, "rcu"),                               \
    CALLS("defer_rcu_" f, RULE_RCU_CALL, 0, 1, "rcu"),                                       \
    RULE("urcu_" f "_defer_barrier", RULE_RCU_BARRIER),                                      \
    RULE("rcu_defer_barrier_" f, RULE_RCU_BARRIER)
#define URCU_POINTER(name, kind_)     ARGUMENT(name, kind_, 0, RULE_EXCLUSIVE, false)

static const struct rule urcu_rules[] = {
    URCU_FLAVOUR("memb"), URCU_FLAVOUR("mb"), URCU_FLAVOUR("signal"),
    URCU_FLAVOUR("qsbr"), URCU_FLAVOUR("bp"), URCU_FLAVOUR("mt"),
    URCU_SECTION("rcu_read_lock", "rcu_read_unlock"), URCU_SECTION("_rcu_read_lock", "_rcu_read_unlock"),
    URCU_WRITER("synchronize_rcu", "call_rcu", "rcu_barrier"),
    CALLS("defer_rcu", RULE_RCU_CALL, 0, 1, "rcu"), RULE("rcu_defer_barrier", RULE_RCU_BARRIER),
    URCU_POINTER("rcu_dereference", RULE_RCU_DEREFERENCE), URCU_POINTER("_rcu_dereference", RULE_RCU_DEREFERENCE),
    URCU_POINTER("rcu_dereference_sym", RULE_RCU_DEREFERENCE),
    URCU_POINTER("rcu_dereference_check", RULE_RCU_DEREFERENCE),
    URCU_POINTER("rcu_assign_pointer", RULE_RCU_ASSIGN), URCU_POINTER("_rcu_assign_pointer", RULE_RCU_ASSIGN),
    URCU_POINTER("rcu_set_pointer", RULE_RCU_ASSIGN), URCU_POINTER("_rcu_set_pointer", RULE_RCU_ASSIGN),
    URCU_POINTER("rcu_set_pointer_sym", RULE_RCU_ASSIGN), URCU_POINTER("rcu_xchg_pointer", RULE_RCU_ASSIGN),
    URCU_POINTER("rcu_xchg_pointer_sym", RULE_RCU_ASSIGN), URCU_POINTER("rcu_cmpxchg_pointer", RULE_RCU_ASSIGN),
    URCU_POINTER("rcu_cmpxchg_pointer_sym", RULE_RCU_ASSIGN),
};

#define CK_SPINLOCK(kind)                                                                    \
    SPIN("ck_spinlock_" kind "_lock"), SPIN("ck_spinlock_" kind "_lock_eb"),                 \
    SPIN("ck_spinlock_" kind "_lock_pb"), SPIN_TRY("ck_spinlock_" kind "_trylock"),          \
    SPIN_UNLOCK("ck_spinlock_" kind "_unlock"), INIT("ck_spinlock_" kind "_init")
#define CK_RWLOCK(kind)                                                                      \
    SPIN(kind "_write_lock"), SPIN_TRY(kind "_write_trylock"), SPIN_UNLOCK(kind "_write_unlock"),       \
    SPIN(kind "_write_latch"), SPIN_UNLOCK(kind "_write_unlatch"),                           \
    SPIN_SHARED(kind "_read_lock"), SPIN_TRY_SHARED(kind "_read_trylock"),                   \
    SPIN_UNLOCK_SHARED(kind "_read_unlock"), SPIN_SHARED(kind "_read_latchlock"), INIT(kind "_init")

static const struct rule ck_rules[] = {
    CK_SPINLOCK("fas"), CK_SPINLOCK("cas"), CK_SPINLOCK("dec"), CK_SPINLOCK("ticket"),
    CK_SPINLOCK("mcs"), CK_SPINLOCK("clh"), CK_SPINLOCK("hclh"), CK_SPINLOCK("anderson"),
    SPIN("ck_spinlock_lock"), SPIN("ck_spinlock_lock_eb"), SPIN_TRY("ck_spinlock_trylock"),
    SPIN_UNLOCK("ck_spinlock_unlock"), INIT("ck_spinlock_init"),
    CK_RWLOCK("ck_rwlock"), CK_RWLOCK("ck_brlock"), CK_RWLOCK("ck_bytelock"), CK_RWLOCK("ck_pflock"),
    CK_RWLOCK("ck_swlock"), CK_RWLOCK("ck_tflock_ticket"),
    RULE("ck_epoch_begin", RULE_RCU_READ_LOCK), RULE("ck_epoch_end", RULE_RCU_READ_UNLOCK),
    RULE("ck_epoch_synchronize", RULE_RCU_SYNCHRONIZE), RULE("ck_epoch_synchronize_wait", RULE_RCU_SYNCHRONIZE),
    RULE("ck_epoch_barrier", RULE_RCU_BARRIER), RULE("ck_epoch_barrier_wait", RULE_RCU_BARRIER),
    CALLS("ck_epoch_call", RULE_RCU_CALL, 2, 1, "rcu"), CALLS("ck_epoch_call_strict", RULE_RCU_CALL, 2, 1, "rcu"),
};

static const struct rule uv_rules[] = {
    LOCK("uv_mutex_lock"), TRYLOCK("uv_mutex_trylock", RESULT_ZERO), UNLOCK("uv_mutex_unlock"),
    INIT("uv_mutex_init"), INIT("uv_mutex_init_recursive"), DESTROY("uv_mutex_destroy"),
    LOCK("uv_rwlock_wrlock"), TRYLOCK("uv_rwlock_trywrlock", RESULT_ZERO), UNLOCK("uv_rwlock_wrunlock"),
    LOCK_SHARED("uv_rwlock_rdlock"), TRYLOCK_SHARED("uv_rwlock_tryrdlock", RESULT_ZERO),
    UNLOCK_SHARED("uv_rwlock_rdunlock"), INIT("uv_rwlock_init"), DESTROY("uv_rwlock_destroy"),
    WAIT("uv_cond_wait", 1), WAIT("uv_cond_timedwait", 1), SIGNAL("uv_cond_signal"),
    SIGNAL("uv_cond_broadcast"), BLOCKS("uv_sem_wait"), BLOCKS("uv_barrier_wait"),
    CREATE("uv_thread_create", 1, 2), CREATE("uv_thread_create_ex", 2, 3), JOIN("uv_thread_join"),
    CALL("uv_once", 1, -1), LATER("uv_queue_work", 2, 1, "uv-worker"), LATER("uv_queue_work", 3, 1, "uv-loop"),
    LATER("uv_async_init", 2, 1, "uv-loop"), LATER("uv_timer_start", 1, 0, "uv-loop"),
    LATER("uv_idle_start", 1, 0, "uv-loop"), LATER("uv_prepare_start", 1, 0, "uv-loop"),
    LATER("uv_check_start", 1, 0, "uv-loop"), LATER("uv_poll_start", 2, 0, "uv-loop"),
    LATER("uv_signal_start", 1, 0, "uv-loop"), LATER("uv_listen", 2, 0, "uv-loop"),
    LATER("uv_read_start", 1, 0, "uv-loop"), LATER("uv_read_start", 2, 0, "uv-loop"),
    LATER("uv_write", 4, 0, "uv-loop"), LATER("uv_close", 1, 0, "uv-loop"), CALL("uv_walk", 1, 2),
    BLOCKS("uv_run"), BLOCKS("uv_sleep"),

    LATER("event_new", 3, 4, "event-loop"), LATER("event_set", 3, 4, "event-loop"),
    LATER("event_assign", 4, 5, "event-loop"), LATER("event_base_once", 3, 4, "event-loop"),
    LATER("bufferevent_setcb", 1, 4, "event-loop"), LATER("bufferevent_setcb", 2, 4, "event-loop"),
    LATER("bufferevent_setcb", 3, 4, "event-loop"), LATER("evconnlistener_new", 1, 2, "event-loop"),
    LATER("evconnlistener_new_bind", 1, 2, "event-loop"),
    BLOCKS("event_base_loop"), BLOCKS("event_base_dispatch"), BLOCKS("event_loop"), BLOCKS("event_dispatch"),
};

static const struct rule libc_rules[] = {
    BLOCKS("sleep"), BLOCKS("usleep"), BLOCKS("nanosleep"), BLOCKS("clock_nanosleep"), BLOCKS("pause"),
    BLOCKS("sigsuspend"), BLOCKS("sigwait"), BLOCKS("sigwaitinfo"), BLOCKS("sigtimedwait"),
    BLOCKS("select"), BLOCKS("pselect"), BLOCKS("poll"), BLOCKS("ppoll"), BLOCKS("epoll_wait"),
    BLOCKS("epoll_pwait"), BLOCKS("epoll_pwait2"),
    BLOCKS("read"), BLOCKS("readv"), BLOCKS("pread"), BLOCKS("pread64"), BLOCKS("preadv"), BLOCKS("preadv2"),
    BLOCKS("write"), BLOCKS("writev"), BLOCKS("pwrite"), BLOCKS("pwrite64"), BLOCKS("pwritev"), BLOCKS("pwritev2"),
    BLOCKS("sendfile"), BLOCKS("sendfile64"), BLOCKS("splice"), BLOCKS("tee"), BLOCKS("copy_file_range"),
    BLOCKS("accept"), BLOCKS("accept4"), BLOCKS("connect"), BLOCKS("recv"), BLOCKS("recvfrom"),
    BLOCKS("recvmsg"), BLOCKS("recvmmsg"), BLOCKS("send"), BLOCKS("sendto"), BLOCKS("sendmsg"), BLOCKS("sendmmsg"),
    BLOCKS("wait"), BLOCKS("waitpid"), BLOCKS("waitid"), BLOCKS("wait3"), BLOCKS("wait4"), BLOCKS("system"),
    BLOCKS("popen"), BLOCKS("pclose"), BLOCKS("posix_spawn"), BLOCKS("posix_spawnp"),
    BLOCKS("fsync"), BLOCKS("fdatasync"), BLOCKS("sync"), BLOCKS("syncfs"), BLOCKS("sync_file_range"),
    BLOCKS("msync"), BLOCKS("flock"), BLOCKS("lockf"), BLOCKS("fallocate"), BLOCKS("posix_fallocate"),
    BLOCKS("open"), BLOCKS("open64"), BLOCKS("openat"), BLOCKS("openat64"), BLOCKS("creat"),
    BLOCKS("fopen"), BLOCKS("fopen64"), BLOCKS("freopen"), BLOCKS("fclose"), BLOCKS("fflush"),
    BLOCKS("fread"), BLOCKS("fgets"), BLOCKS("fgetc"), BLOCKS("getc"), BLOCKS("getchar"), BLOCKS("getline"),
    BLOCKS("getdelim"), BLOCKS("scanf"), BLOCKS("fscanf"), BLOCKS("opendir"), BLOCKS("readdir"),
    BLOCKS("getaddrinfo"), BLOCKS("getnameinfo"), BLOCKS("gethostbyname"), BLOCKS("gethostbyname_r"),
    BLOCKS("gethostbyaddr"), BLOCKS("gethostbyaddr_r"), BLOCKS("getpwnam"), BLOCKS("getpwnam_r"),
    BLOCKS("getpwuid"), BLOCKS("getpwuid_r"), BLOCKS("syslog"), BLOCKS("vsyslog"), BLOCKS("tcdrain"),
    BLOCKS("aio_suspend"), BLOCKS("io_getevents"), BLOCKS("io_uring_wait_cqe"), BLOCKS("io_uring_wait_cqes"),
    BLOCKS("io_uring_wait_cqe_timeout"), BLOCKS("io_uring_submit_and_wait"),
    BLOCKS("io_uring_submit_and_wait_timeout"),

    CALL("qsort", 3, -1), CALL("qsort_r", 3, 4), CALL("bsearch", 4, -1), CALL("lsearch", 4, -1),
    CALL("lfind", 4, -1), CALL("tsearch", 2, -1), CALL("tfind", 2, -1), CALL("tdelete", 2, -1),
    CALL("twalk", 1, -1), CALL("twalk_r", 1, 2), CALL("tdestroy", 1, -1), CALL("ftw", 1, -1), CALL("nftw", 1, -1),
    CALL("scandir", 2, -1), CALL("scandir", 3, -1), CALL("glob", 2, -1), CALL("dl_iterate_phdr", 0, 1),
    LATER("atexit", 0, -1, "exit"), LATER("on_exit", 0, 1, "exit"), LATER("at_quick_exit", 0, -1, "exit"),
    LATER("signal", 1, -1, "signal"), LATER("bsd_signal", 1, -1, "signal"), LATER("sigset", 1, -1, "signal"),
    LATER("sysv_signal", 1, -1, "signal"), LATER("sigaction", 1, -1, "signal"),

    FREE("free", 0), FREE("cfree", 0), FREE("realloc", 0), FREE("reallocarray", 0), FREE("munmap", 0),
    NORETURN("exit"), NORETURN("_exit"), NORETURN("_Exit"), NORETURN("quick_exit"), NORETURN("abort"),
    NORETURN("longjmp"), NORETURN("siglongjmp"), NORETURN("_longjmp"), NORETURN("__assert_fail"),
    NORETURN("__assert_perror_fail"), NORETURN("err"), NORETURN("errx"), NORETURN("verr"), NORETURN("verrx"),
    NORETURN("__stack_chk_fail"), NORETURN("__builtin_unreachable"), NORETURN("__builtin_trap"),
};

/* Reader recursion: POSIX lets a thread hold a rwlock for reading several
 * times, and glibc's default lets readers in ahead of writers; glib's and
 * ck's make no such promise. */
static const struct lock_type lock_types[] = {
    {"pthread_mutex_t", LOCK_PLAIN, false}, {"pthread_rwlock_t", LOCK_READ_RECURSIVE, false},
    {"pthread_spinlock_t", LOCK_PLAIN, true}, {"mtx_t", LOCK_PLAIN, false},
    {"GMutex", LOCK_PLAIN, false}, {"_GMutex", LOCK_PLAIN, false},
    {"GRecMutex", LOCK_RECURSIVE, false}, {"_GRecMutex", LOCK_RECURSIVE, false},
    {"GStaticRecMutex", LOCK_RECURSIVE, false}, {"_GStaticRecMutex", LOCK_RECURSIVE, false},
    {"GRWLock", LOCK_PLAIN, false}, {"_GRWLock", LOCK_PLAIN, false},
    {"uv_mutex_t", LOCK_PLAIN, false}, {"uv_rwlock_t", LOCK_READ_RECURSIVE, false},
    {"ck_spinlock_t", LOCK_PLAIN, true},
    {"ck_spinlock_fas_t", LOCK_PLAIN, true}, {"ck_spinlock_fas", LOCK_PLAIN, true},
    {"ck_spinlock_cas_t", LOCK_PLAIN, true}, {"ck_spinlock_cas", LOCK_PLAIN, true},
    {"ck_spinlock_dec_t", LOCK_PLAIN, true}, {"ck_spinlock_dec", LOCK_PLAIN, true},
    {"ck_spinlock_ticket_t", LOCK_PLAIN, true}, {"ck_spinlock_ticket", LOCK_PLAIN, true},
    {"ck_spinlock_mcs_t", LOCK_PLAIN, true}, {"ck_spinlock_mcs", LOCK_PLAIN, true},
    {"ck_spinlock_clh_t", LOCK_PLAIN, true}, {"ck_spinlock_clh", LOCK_PLAIN, true},
    {"ck_spinlock_hclh_t", LOCK_PLAIN, true}, {"ck_spinlock_hclh", LOCK_PLAIN, true},
    {"ck_spinlock_anderson_t", LOCK_PLAIN, true}, {"ck_spinlock_anderson", LOCK_PLAIN, true},
    {"ck_rwlock_t", LOCK_PLAIN, true}, {"ck_rwlock", LOCK_PLAIN, true},
    {"ck_brlock_t", LOCK_READ_RECURSIVE, true}, {"ck_brlock", LOCK_READ_RECURSIVE, true},
    {"ck_bytelock_t", LOCK_PLAIN, true}, {"ck_bytelock", LOCK_PLAIN, true},
    {"ck_pflock_t", LOCK_PLAIN, true}, {"ck_pflock", LOCK_PLAIN, true},
    {"ck_swlock_t", LOCK_PLAIN, true}, {"ck_swlock", LOCK_PLAIN, true},
    {"ck_tflock_ticket_t", LOCK_PLAIN, true}, {"ck_tflock_ticket", LOCK_PLAIN, true},
};
/* clang-format on */

static void add_all(struct rules *rules, const struct rule *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rules_add(rules, &table[i]);
    }
}

void rules_add_builtin(struct rules *rules)
{
    add_all(rules, pthread_rules, G_N_ELEMENTS(pthread_rules));
    add_all(rules, c11_rules, G_N_ELEMENTS(c11_rules));
    add_all(rules, glib_rules, G_N_ELEMENTS(glib_rules));
    add_all(rules, urcu_rules, G_N_ELEMENTS(urcu_rules));
    add_all(rules, ck_rules, G_N_ELEMENTS(ck_rules));
    add_all(rules, uv_rules, G_N_ELEMENTS(uv_rules));
    add_all(rules, libc_rules, G_N_ELEMENTS(libc_rules));
    for (size_t i = 0; i < G_N_ELEMENTS(lock_types); i++) {
        rules_add_type(rules, &lock_types[i]);
    }
}
