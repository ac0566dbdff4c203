// Holds the library, compiled for this machine, against files of sdk/wasm/vectors.
#include "../bangle/charmtest.h"

int main(int n, char **file) {
	for (int i = 1; i < n; i++) charmtest_vectors(file[i]);
	return charmtest_end();
}
