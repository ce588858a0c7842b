/* Lets one process of the real apk answer many questions: a library that is loaded before apk's own (musl's --preload).
 *
 * apk spends a second of every run on reading, verifying and parsing its indexes. So this steps in where that has been done,
 * and from there on has a copy of the process (fork) answer each line of standard input. Each copy is an apk that was started with the words
 * of that line and goes its own way: it parses them, solves, and prints, in the code of the real program alone.
 *
 * No header of musl is at hand where this is compiled; the few functions it needs are declared here.
 */
typedef unsigned long size_t;
typedef struct { long length; char *start; } apk_blob_t;

extern char **environ;
void *dlsym(void *library, const char *name);
int fork(void);
int waitpid(int child, int *status, int options);
long read(int file, void *buffer, size_t size);
long write(int file, const void *buffer, size_t size);
void _exit(int status);
int apk_version_validate(apk_blob_t version);

#define NEXT ((void *)-1L)
#define LESS 2
#define EQUAL 1

/* How many words the command line reserves for a question, as `=`, which no question is; they are its last ones. */
#define SLOTS 16

static char line[1 << 20];

static int next_byte(void)
{
	static unsigned char buffer[1 << 16];
	static long length, position;
	if (position == length) {
		length = read(0, buffer, sizeof buffer);
		position = 0;
		if (length <= 0)
			return -1;
	}
	return buffer[position++];
}

/* Reads up to the end of a line; 0 at the end of the input. */
static int read_line(void)
{
	size_t length = 0;
	int byte;
	while ((byte = next_byte()) >= 0 && byte != '\n' && length < sizeof line - 1)
		line[length++] = byte;
	line[length] = 0;
	return byte == '\n';
}

/* Ends the word at `word` and returns the one behind it, or 0. */
static char *cut(char *word)
{
	while (*word && *word != ' ')
		word++;
	if (!*word)
		return 0;
	*word = 0;
	return word + 1;
}

/* Puts the words of the line in the place of the command line's; what is left over repeats the last, which changes no world. */
static void take_words(void)
{
	char **slot = environ - 1 - SLOTS, *word = line;
	for (int used = 0; used < SLOTS; used++) {
		slot[used] = word;
		char *next = cut(word);
		if (next)
			word = next;
	}
}

/* Opens the database as ever; what follows, copies do. */
int apk_db_open(void *first, void *second)
{
	int (*open)(void *, void *) = (int (*)(void *, void *))dlsym(NEXT, "apk_db_open");
	int status = open(first, second);
	if (status || environ[-2][0] != '=')
		return status;
	while (read_line()) {
		int child = fork();
		if (child == 0) {
			take_words();
			return 0;
		}
		status = -1;
		waitpid(child, &status, 0);
		write(1, status ? "\n== refused\n" : "\n== solved\n", status ? 12 : 11);
	}
	_exit(0);
}

/* A copy ends at once: to free what all of them share would take longer than its answer, and --simulate writes nothing. */
void apk_db_close(void *database)
{
	(void)database;
}

/* `apk version -t`: for each line, whether its first word is a version, and how that compares with each of the others. */
int apk_version_compare(const char *left, const char *right)
{
	int (*compare)(const char *, const char *) =
		(int (*)(const char *, const char *))dlsym(NEXT, "apk_version_compare");
	static char answers[sizeof line];
	(void)left, (void)right;
	while (read_line()) {
		char *first = line, *word = cut(first);
		size_t count = 0, length = 0;
		while (first[length])
			length++;
		answers[count++] = apk_version_validate((apk_blob_t){ length, first }) ? 'v' : 'x';
		while (word) {
			char *next = cut(word);
			int order = compare(first, word);
			answers[count++] = order == LESS ? '<' : order == EQUAL ? '=' : '>';
			word = next;
		}
		answers[count++] = '\n';
		for (size_t written = 0; written < count;)
			written += write(1, answers + written, count - written);
	}
	_exit(0);
}
