# SPDX-License-Identifier: Apache-2.0
# certd: `make help` lists the targets. Each folder but the programs' becomes one archive.

BUILD   ?= build
CC      ?= cc
VERSION := 0.1.0
Q       := $(if $(V),,@)
SAY      = @$(if $(V),:,printf '  %-4s %s\n')

# a package is built also by a compiler that warns of more (WERROR=)
WERROR  ?= -Werror
WARN    := -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wformat=2 -Wvla -Wundef
OPT     ?= -O2 -g
CFLAGS  ?=
CPPFLAGS ?=
# a distribution's own level stays
HARDEN  := -fstack-protector-strong -fPIE \
           $(if $(findstring FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-D_FORTIFY_SOURCE=2)
# wherever it is built, the same bytes
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DCERTD_VERSION='"$(VERSION)"' -I. -MMD -MP $(OPT) $(WARN) \
             -ffile-prefix-map=$(CURDIR)=. $(HARDEN) $(SANITIZE) $(CPPFLAGS) $(CFLAGS)
LDFLAGS ?= -pie -Wl,-z,relro,-z,now
ALL_LDFLAGS = $(LDFLAGS) $(SANITIZE)

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
BASE_O   := $(call obj,$(wildcard base/*.c))
STORE_O  := $(call obj,$(wildcard store/*.c))
ACME_O   := $(call obj,$(wildcard acme/*.c))
DAEMON_O := $(call obj,$(filter-out daemon/main.c,$(wildcard daemon/*.c daemon/*/*.c)))
CTL_O    := $(call obj,$(filter-out ctl/main.c,$(wildcard ctl/*.c)))
TUI_O    := $(call obj,$(filter-out tui/main.c,$(wildcard tui/*.c)))
SUPPORT_O := $(call obj,$(filter-out $(wildcard tests/support/*_main.c),$(wildcard tests/support/*.c)))

LIB = $(BUILD)/lib$(1).a
BASE_LIBS   := -lcjson -lidn2 -lm
LMDB        ?= -llmdb
STORE_LIBS  := $(LMDB) -lcrypto $(BASE_LIBS)
ACME_LIBS   := -lcurl -lssl -lcrypto $(BASE_LIBS)
DAEMON_LIBS := -lunbound -lpsl -lcurl $(LMDB) -lssl -lcrypto -lpthread $(BASE_LIBS)

PROGRAMS := $(BUILD)/certd $(BUILD)/certctl $(BUILD)/certd-console
TESTS_C  := $(wildcard tests/base/test_*.c tests/store/test_*.c tests/acme/test_*.c \
                       tests/daemon/test_*.c tests/ctl/test_*.c tests/tui/test_*.c)
TESTS    := $(patsubst %.c,$(BUILD)/%,$(TESTS_C))
TOOLS    := $(patsubst tests/support/%_main.c,$(BUILD)/tests/support/%,$(wildcard tests/support/*_main.c))

.PHONY: check-debian13 all help deps check check-unit check-system asan tsan bench lint layers format demo clean tags
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

all: $(PROGRAMS) ## build certd, certctl and certd-console

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

deps: ## install what building and testing need (Debian, as root)
	@packaging/deps.sh

check: deps ## install what is missing, build with warnings as errors, run every test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all tests layers
	$(Q)BUILD=$(BUILD) tests/run

check-unit: tests ## only the unit tests
	$(Q)BUILD=$(BUILD) tests/run unit

check-system: all tests ## only the end-to-end scenarios
	$(Q)BUILD=$(BUILD) tests/run system

tests: $(TESTS) $(TOOLS) $(BUILD)/tests/support/cold $(BUILD)/tests/support/renewals $(BUILD)/tests/support/attempts
.PHONY: tests

asan: deps ## the whole suite under AddressSanitizer and UndefinedBehaviorSanitizer
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) BUILD=build-asan OPT='-O1 -g' HARDEN=-fPIE \
	  SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' all tests
	$(Q)BUILD=build-asan SANITIZER=asan tests/run

tsan: deps ## the threaded tests under ThreadSanitizer
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) BUILD=build-tsan OPT='-O1 -g' HARDEN=-fPIE \
	  SANITIZE='-fsanitize=thread -fno-omit-frame-pointer' all tests
	$(Q)BUILD=build-tsan SANITIZER=tsan tests/run threaded

check-debian13: ## the whole suite on Debian 13 with OpenSSL 3.5, in a tree of its own (root)
	@tests/debian13.sh make check || [ $$? -eq 77 ]

bench: deps ## figures with a million names, of the front beside its peers, of orders (NAMES=100000 for fewer)
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all tests
	@BUILD=$(BUILD) tests/bench/store.py
	@$(BUILD)/tests/support/renewals $(NAMES)
	@BUILD=$(BUILD) tests/bench/apply.py
	@$(BUILD)/tests/support/attempts $(NAMES)
	@BUILD=$(BUILD) tests/bench/front.py
	@BUILD=$(BUILD) tests/bench/flood.py
	@BUILD=$(BUILD) NAMES=$(ORDER_NAMES) tests/bench/orders.py
	@BUILD=$(BUILD) tests/bench/plan.py

demo: ## the five-minute tour, by itself, against a real ACME server on loopback (KEEP=1 leaves it running)
	@packaging/deps.sh
	$(Q)$(MAKE) --no-print-directory -s -j$$(nproc) all
	@BUILD=$(BUILD) KEEP=$(KEEP) packaging/demo.sh

MAN       := $(patsubst packaging/man/%.in,%,$(wildcard packaging/man/*.in))
PAGES     := $(addprefix $(BUILD)/man/,$(MAN))
EXAMPLES  := $(notdir $(wildcard packaging/examples/*))
SHELLS    := $(addprefix $(BUILD)/completion/certctl.,bash zsh fish)
man: $(PAGES) $(SHELLS) ## man pages and completions, from docs/ and certctl's own help
.PHONY: man install

PREFIX    ?= /usr/local
UNITDIR   ?= $(PREFIX)/lib/systemd/system
ZSHDIR    ?= $(PREFIX)/share/zsh/site-functions
DOCDIR    ?= $(PREFIX)/share/doc/certd
put        = install -D -p -m $(1) $(2) $(DESTDIR)$(3)

# An edited configuration is never touched: the new one is put beside it.
install: all man ## programs, man pages, completions, unit, examples (DESTDIR=, PREFIX=/usr/local)
	$(call put,755,$(BUILD)/certd,$(PREFIX)/sbin/certd)
	$(call put,755,$(BUILD)/certctl,$(PREFIX)/bin/certctl)
	$(call put,755,$(BUILD)/certd-console,$(PREFIX)/bin/certd-console)
	$(Q)$(foreach page,$(MAN),$(call put,644,$(BUILD)/man/$(page),$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(page)) && ) :
	$(call put,644,$(BUILD)/completion/certctl.bash,$(PREFIX)/share/bash-completion/completions/certctl)
	$(call put,644,$(BUILD)/completion/certctl.zsh,$(ZSHDIR)/_certctl)
	$(call put,644,$(BUILD)/completion/certctl.fish,$(PREFIX)/share/fish/vendor_completions.d/certctl.fish)
	sed 's,@SBINDIR@,$(PREFIX)/sbin,; s,@BINDIR@,$(PREFIX)/bin,' packaging/systemd/certd.service.in >$(BUILD)/certd.service
	$(call put,644,$(BUILD)/certd.service,$(UNITDIR)/certd.service)
	$(call put,644,packaging/systemd/certd.sysusers,$(PREFIX)/lib/sysusers.d/certd.conf)
	$(call put,644,packaging/systemd/certd.tmpfiles,$(PREFIX)/lib/tmpfiles.d/certd.conf)
	$(call put,644,packaging/systemd/certd.socket,$(DOCDIR)/examples/certd.socket)
	$(call put,644,packaging/systemd/front-user.conf,$(DOCDIR)/examples/front-user.conf)
	$(call put,644,packaging/alerts/certd.yml,$(DOCDIR)/examples/alerts.yml)
	$(Q)$(foreach file,$(EXAMPLES),$(call put,644,packaging/examples/$(file),$(DOCDIR)/examples/$(file)) && ) :
	$(Q)new=; [ ! -e $(DESTDIR)/etc/certd/certd.conf ] || new=.new; \
	cmp -s packaging/certd.conf $(DESTDIR)/etc/certd/certd.conf || \
	install -D -p -m 644 packaging/certd.conf $(DESTDIR)/etc/certd/certd.conf$$new

deb: ## build/deb/certd_*.deb, of what git knows; the same bytes each time
	@packaging/deps.sh deb
	@packaging/deb.sh
rpm: ## build/rpm/certd-*.rpm, the same way
	@[ ! -e /etc/debian_version ] || packaging/deps.sh rpm
	@packaging/rpm.sh
check-packages: all man ## build both packages twice, and test them and what is in them
	$(Q)packaging/deps.sh package
	$(Q)BUILD=$(BUILD) packaging/tests/test_packages.py -v
.PHONY: deb rpm check-packages

layers: ## hold the table of allowed includes (docs/architecture.md)
	@tests/lint/layers.sh

lint: layers ## layers, clang-tidy where installed, line and function budgets
	@tests/lint/budgets.sh
	@tests/lint/documented.py

format: ## lay out all sources by .clang-format
	clang-format -i $$(git ls-files '*.c' '*.h')

tags:
	ctags -R base store acme daemon ctl tui tests

clean:
	rm -rf build build-asan build-tsan

$(BUILD)/certd: $(BUILD)/daemon/main.o $(call LIB,daemon) $(call LIB,store) $(call LIB,acme) $(call LIB,base)
	$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

$(BUILD)/certctl: $(BUILD)/ctl/main.o $(call LIB,ctl) $(call LIB,base)
	$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcjson -lm

TUI_LIBS := -lncursesw -ltinfo -lcjson -lm
$(BUILD)/certd-console: $(BUILD)/tui/main.o $(call LIB,tui) $(call LIB,ctl) $(call LIB,base)
	$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TUI_LIBS)

define archive
$(call LIB,$(1)): $(2)
	$$(SAY) AR $$@
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(eval $(call archive,base,$(BASE_O)))
$(eval $(call archive,store,$(STORE_O)))
$(eval $(call archive,acme,$(ACME_O)))
$(eval $(call archive,daemon,$(DAEMON_O)))
$(eval $(call archive,ctl,$(CTL_O)))
$(eval $(call archive,tui,$(TUI_O)))
$(eval $(call archive,support,$(SUPPORT_O)))

# neighbours that a test replaces
$(BUILD)/tests/store/test_seal: WRAP = -Wl,--wrap=EVP_CipherUpdate
$(BUILD)/tests/daemon/test_import_store: WRAP = -Wl,--wrap=domain_get,--wrap=store_commit,--wrap=upkeep_takes_new
$(BUILD)/tests/daemon/test_auditor: WRAP = -Wl,--wrap=audit_front_ask
$(BUILD)/tests/daemon/test_credcache: WRAP = -Wl,--wrap=siphash
$(BUILD)/tests/daemon/test_moved: WRAP = -Wl,--wrap=issuer_wake
$(BUILD)/tests/daemon/test_mailbox $(BUILD)/tests/daemon/test_teller: WRAP = -Wl,--wrap=transport_run

$(BUILD)/tests/base/test_%: $(BUILD)/tests/base/test_%.o $(call LIB,base)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(BASE_LIBS)
$(BUILD)/tests/store/test_%: $(BUILD)/tests/store/test_%.o $(call LIB,support) $(call LIB,store) $(call LIB,base)
	$(Q)$(CC) $(ALL_LDFLAGS) $(WRAP) -o $@ $^ -lcmocka $(STORE_LIBS)
$(BUILD)/tests/acme/test_%: $(BUILD)/tests/acme/test_%.o $(call LIB,support) $(call LIB,acme) $(call LIB,base)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(ACME_LIBS)
$(BUILD)/tests/daemon/test_%: $(BUILD)/tests/daemon/test_%.o $(call LIB,support) $(call LIB,daemon) $(call LIB,store) $(call LIB,acme) $(call LIB,base)
	$(Q)$(CC) $(ALL_LDFLAGS) $(WRAP) -o $@ $^ -lcmocka $(DAEMON_LIBS)
$(BUILD)/tests/ctl/test_%: $(BUILD)/tests/ctl/test_%.o $(call LIB,support) $(call LIB,ctl) $(call LIB,base)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(BASE_LIBS)
$(BUILD)/tests/tui/test_%: $(BUILD)/tests/tui/test_%.o $(call LIB,tui) $(call LIB,ctl) $(call LIB,base)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(TUI_LIBS)
$(BUILD)/tests/support/cold: $(BUILD)/tests/bench/cold_main.o $(call LIB,daemon) $(call LIB,store) $(call LIB,acme) $(call LIB,base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(DAEMON_LIBS)
$(BUILD)/tests/support/dnsask: $(BUILD)/tests/support/dnsask_main.o $(call LIB,daemon) $(call LIB,store) $(call LIB,acme) $(call LIB,base)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(DAEMON_LIBS)
$(BUILD)/tests/support/renewals: $(BUILD)/tests/bench/renewals_main.o $(call LIB,support) $(call LIB,daemon) $(call LIB,store) $(call LIB,acme) $(call LIB,base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(DAEMON_LIBS)
$(BUILD)/tests/support/attempts: $(BUILD)/tests/bench/attempts_main.o $(call LIB,support) $(call LIB,daemon) $(call LIB,store) $(call LIB,acme) $(call LIB,base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(DAEMON_LIBS)
$(BUILD)/tests/support/%: $(BUILD)/tests/support/%_main.o
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto -lpthread -lm

# no clock can be right that is before it
BUILT_AT := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || date +%s))
$(BUILD)/daemon/watch/clockwatch.o $(BUILD)/tests/daemon/test_clockwatch.o: \
  CFLAGS += -DCERTD_BUILT_AT='INT64_C($(BUILT_AT))'

# a page is as old as its source, whenever it is built
MAN_ENV    = MAN_VERSION=$(VERSION) MAN_DATE="$$(LC_ALL=C date -u -d @$(BUILT_AT) '+%B %-d, %Y')"
$(BUILD)/man/certctl.1: packaging/man/certctl.1.in packaging/man/mdoc.py $(BUILD)/certctl
	@mkdir -p $(@D)
	$(Q)$(MAN_ENV) packaging/man/mdoc.py verbs $(BUILD)/certctl $< >$@
$(BUILD)/man/certd.conf.5: docs/certd.conf.md
$(BUILD)/man/certd-events.7: docs/events.md
$(BUILD)/man/%: packaging/man/%.in packaging/man/mdoc.py
	@mkdir -p $(@D)
	$(Q)$(MAN_ENV) packaging/man/mdoc.py markdown $(or $(filter docs/%,$^),/dev/null) $< >$@
$(BUILD)/completion/certctl.%: $(BUILD)/certctl
	@mkdir -p $(@D)
	$(Q)$< completion $* >$@

$(BUILD)/%.o: %.c
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

.PRECIOUS: $(BUILD)/%.o
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
