#!/usr/bin/env python3
"""The VF comes and goes under traffic, in every order of the steps by which a guest learns of it; stock
netvsc and mlx5 PMDs. Numbered frames go to the guest all the while, and the guest says which it saw:
what is missing may at most be what azhost counts as given to the VF and not taken from it.

test_vf_life.py [--cycles N] [TEST...]
"""

import argparse
import itertools
import json
import os
import signal
import struct
import threading
import time

import test_netvsc
import vm
from vm import check

GUEST = os.environ.get("AZHOST_GUEST", f"{vm.BUILD}/tests/azhost_guest")
FRAMES_A_SECOND = 1500

REVOKES = [",".join(order) for size in (2, 3, 4)
           for order in itertools.permutations(("note", "fatal", "pci", "uevent"), size)
           # Without any of these the guest has no reason to let go of the VF.
           if "fatal" in order]
ASSIGNS = [",".join(order) for order in itertools.permutations(("pci", "uevent", "note"))]


class Guest(vm.Vm):
    def __init__(self, *options, queues=1, **keywords):
        command = [GUEST, "-l", "0-1", *vm.EAL, "--", str(queues)]
        super().__init__(command, *options, **keywords)
        try:
            self.expect("ready", 60)
        except (TimeoutError, EOFError):
            print(self.output, self.error_text())
            self.stop()
            raise

    def say(self, word):
        self.write(word + "\n")
        return self.expect("ok")

    def stat(self):
        self.write("stat\n")
        text = self.expect(r"\{.*\}\s")
        return json.loads(text[text.index("{"):text.rindex("}") + 1])

    def quit(self):
        self.write("quit\n")
        self.expect("ended")
        status = self.process.wait(20)
        check(status == 0, f"the guest ends with {status}")


class Stream(threading.Thread):
    """Numbered frames at a steady pace until stop(), whatever happens meanwhile."""

    def __init__(self, cable):
        super().__init__(daemon=True)
        self.cable = cable
        self.frames = test_netvsc.packets(20000, 20, 60)
        self.sent = 0
        self.going = True

    def run(self):
        begin = time.time()
        while self.going and self.sent < 1 << 20:
            due = int((time.time() - begin) * FRAMES_A_SECOND)
            while self.sent < due and self.going:
                frame = self.frames[self.sent % len(self.frames)]
                number = self.sent.to_bytes(4, "big")
                self.cable.send(frame[:42] + number + frame[46:])
                self.sent += 1
            time.sleep(0.001)

    def stop(self):
        self.going = False
        self.join()


def resident(pid):
    """Memory of its own, in KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return int(fields["Private_Dirty"].split()[0])


class Resources:
    """Open files and memory of host and guest: after the first cycle, and compared to it."""

    # Allocators keep some; a leak of a ring, a thread's stack or a frame a cycle is far more.
    GROWTH = {"host": 1024, "guest": 8192}

    def __init__(self, guest):
        self.pids = {"host": vm.host_of(guest), "guest": vm.command_of(guest)}
        # One more while the host closes the connection of an `azhost ctl` that has ended.
        self.files = {name: min(self.count(name) for _ in range(10) if not time.sleep(0.05))
                      for name in self.pids}
        self.memory = {name: resident(pid) for name, pid in self.pids.items()}

    def count(self, name):
        return len(os.listdir(f"/proc/{self.pids[name]}/fd")), len(
            os.listdir(f"/proc/{self.pids[name]}/task"))

    def compare(self, cycles):
        for name, pid in self.pids.items():
            vm.wait_for(lambda name=name: self.count(name) == self.files[name],
                        f"{self.files[name]} files and threads of the {name}", 5)
            grown = resident(pid) - self.memory[name]
            # A sanitizer keeps freed memory for a while.
            fits = grown < self.GROWTH[name] or "AZHOST_SANITIZED" in os.environ
            check(fits, f"{name}: {self.files[name][0]} files, {self.files[name][1]} threads as "
                  f"before, {grown} KiB more after {cycles} cycles")


def path_is(guest, path):
    nic = guest.nic()
    return nic["datapath"] == path and not nic["vf"]["changing"]


def account(guest, stream):
    """Every frame is with the guest, or counted by azhost as lost in the VF."""
    vm.wait_for(lambda: guest.ctl("stats")["uplinks"][0]["received"] == stream.sent,
                "all frames at the host")
    # What is on its way to a guest that gets little processor time may take long.
    seen, again = {"received": -1}, guest.stat()
    while seen["received"] != again["received"]:
        time.sleep(1)
        seen, again = again, guest.stat()
    stats = guest.stats()
    vf = stats["vf"]
    drops = {name: number for name, number in stats["drops"].items() if number}
    missing = stream.sent - seen["distinct"]
    # The guest takes its rules away when it stops the VF: what the host sends until it hears of that
    # goes to the VF's kernel interface. It comes after the last poll, too.
    # A VF that the guest keeps and does not poll, since its association was taken back, has them still.
    idle = vf["inFlight"] if stats["datapath"] == "synthetic" else 0
    counted = vf["lostAfterLastPoll"] + vf["noRule"] + idle
    print(f"        sent {stream.sent}, missing {missing}, counted {counted} (undelivered "
          f"{vf['lostUndelivered']}, unseen {vf['lostUnseen']}, no rule {vf['noRule']}, "
          f"with an idle VF {idle})")
    check(not drops and vf["lostNoBuffer"] == 0 and vf["inFlight"] == idle,
          f"no frame was dropped for want of room, nor is one on its way still {drops}")
    check(missing <= counted, f"missing frames: {missing}, counted as lost in the VF: {counted}")
    check(seen["duplicates"] == 0, "no frame came twice")


def cycle(guest, revoke, assign, delay):
    before = guest.stats()
    guest.ctl("vf", "revoke", "nic0", "--order", revoke, "--delay", str(delay))
    vm.wait_for(lambda: path_is(guest, "synthetic"), f"the synthetic path after {revoke}")
    vm.wait_for(lambda: not guest.nic()["vf"]["open"], f"the VF closed after {revoke}")
    vm.wait_for(lambda: guest.stats()["toGuest"]["synthetic"]["frames"] >
                before["toGuest"]["synthetic"]["frames"] + 100, "traffic on the synthetic path")
    # The guest's bookkeeping of the old VF ends in its interrupt thread.
    vm.wait_for(lambda: guest.stat()["vf"] < 0, "a guest without VF")
    before = guest.stats()
    guest.ctl("vf", "assign", "nic0", "--order", assign, "--delay", str(delay))
    vm.wait_for(lambda: path_is(guest, "vf"), f"the VF path after {assign}")
    vm.wait_for(lambda: guest.stats()["toGuest"]["vf"]["frames"] >
                before["toGuest"]["vf"]["frames"] + 100, "traffic on the VF")


def every_order(count):
    """Every order of the steps has its turn; the delay between them changes."""
    return list(itertools.islice(zip(itertools.cycle(REVOKES), itertools.cycle(ASSIGNS),
                                     itertools.cycle((0, 5, 60))), count))


def usual_order(count):
    """As Azure does it."""
    return [("note,fatal,pci,uevent", "pci,uevent,note", (0, 20)[i % 2]) for i in range(count)]


def cycles(orders):
    count = len(orders)
    with Guest("--vf", "on") as guest:
        guest.say("mark")
        vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
        stream = Stream(guest.cable)
        stream.start()
        cycle(guest, *orders[0])
        resources = Resources(guest)
        for number, (revoke, assign, delay) in enumerate(orders[1:]):
            # Not before the guest has a rule on the VF: it may get little processor time.
            vm.wait_for(lambda number=number: guest.stat()["rules"] == number + 2, "a rule")
            cycle(guest, revoke, assign, delay)
            print(f"        revoke {revoke}, assign {assign}, {delay} ms apart", flush=True)
        vm.wait_for(lambda: guest.stat()["rules"] == count + 1, "a MARK rule on each VF")
        stream.stop()
        account(guest, stream)
        stats = guest.stats()["vf"]
        check(stats["revokes"] == count and stats["opens"] == count + 1,
              f"{count} revokes, {stats['opens']} times opened")
        resources.compare(count)
        seen = guest.stat()
        check(seen["marked"] > 0 and seen["wrongMark"] == 0,
              f"{seen['marked']} of {seen['received']} frames carry the VF's mark")
        check(seen["earlyMark"] <= 64 * (count + 1),
              f"{seen['earlyMark']} of them, of the burst in which a rule was made, one too many")
        guest.quit()


def marks(as_user=False):
    """Frames of the VF come through the netvsc port, with the mark of a rule on the VF's port; opening
    SYNs and broadcasts come without, by the synthetic path."""
    with Guest("--vf", "on", queues=2, as_user=as_user) as guest:
        vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
        frames = test_netvsc.packets(1000, 20, 400, flows=8)
        for frame in frames:
            guest.cable.send(frame)
        vm.wait_for(lambda: guest.stat()["received"] == 1000, "1000 frames")
        check(guest.stat()["marked"] == 0, "no mark without a rule")
        guest.say("mark")
        vm.wait_for(lambda: guest.stat()["rules"] == 1, "a rule")
        guest.say("clear")
        for frame in frames:
            guest.cable.send(frame)
        vm.wait_for(lambda: guest.stat()["received"] == 1000, "1000 frames")
        check(guest.stat()["marked"] == 1000 and guest.stat()["wrongMark"] == 0,
              "all frames from the netvsc port carry the mark of the rule on the VF's port")
        before = guest.stats()
        syn = test_netvsc.ipv4(6, struct.pack("!HHIIBBHHH", 5, 80, 1, 0, 0x50, 0x02, 1024, 0, 0))
        for _ in range(10):
            guest.cable.send(syn)
            guest.cable.send(b"\xff" * 6 + frames[0][6:])
        vm.wait_for(lambda: guest.stats()["toGuest"]["synthetic"]["frames"] ==
                    before["toGuest"]["synthetic"]["frames"] + 20, "20 frames beside the VF")
        check(guest.stats()["toGuest"]["vf"]["frames"] == before["toGuest"]["vf"]["frames"],
              "opening SYNs and broadcasts take the synthetic path")
        guest.ctl("datapath", "nic0", "--openers", "off", "--multicast", "off")
        for _ in range(10):
            guest.cable.send(syn)
            guest.cable.send(b"\xff" * 6 + frames[0][6:])
        vm.wait_for(lambda: guest.stats()["toGuest"]["vf"]["frames"] ==
                    before["toGuest"]["vf"]["frames"] + 20, "20 frames through the VF")
        check(True, "switched off, they take the VF")
        guest.quit()


def pass_frames(guest, count):
    guest.say("clear")
    for frame in test_netvsc.packets(count, 20, 60):
        guest.cable.send(frame)
    vm.wait_for(lambda: guest.stat()["received"] == count, f"{count} frames")


def take_away(guest):
    guest.ctl("vf", "revoke", "nic0", "--delay", "20")
    vm.wait_for(lambda: path_is(guest, "synthetic") and not guest.nic()["vf"]["present"],
                "a host without VF")
    vm.wait_for(lambda: guest.stat()["vf"] < 0, "a guest without VF")


def elsewhere():
    """The VF returns at another address, and as another model; never returning is fine too."""
    with Guest("--vf", "on") as guest:
        vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
        guest.say("mark")
        rules = 1
        vm.wait_for(lambda: guest.stat()["rules"] == rules, "a rule")
        for profile, address in (("cx5-vf-trusted", "0000:3b:01.4"), ("cx4lx-vf", "0001:00:02.0"),
                                 ("cx5-vf-untrusted", "0000:3b:00.2")):
            take_away(guest)
            guest.ctl("vf", "assign", "nic0", "--as", profile, "--at", address)
            vm.wait_for(lambda: path_is(guest, "vf"), f"the VF as {profile}")
            check(guest.nic()["pci"] == address, f"{profile} at {address}")
            rules += 1
            vm.wait_for(lambda: guest.stat()["rules"] == rules, "a rule")
            pass_frames(guest, 200)
            check(guest.stat()["marked"] == 200, "200 frames with its mark")
        take_away(guest)
        pass_frames(guest, 200)
        check(guest.stat()["marked"] == 0, "200 frames without VF")
        guest.quit()


def fatal_alone():
    """The device dies and nobody says anything: the guest finds out by itself, and takes the VF up again
    when it hears of it again."""
    with Guest("--vf", "on") as guest:
        vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
        stream = Stream(guest.cable)
        stream.start()
        guest.ctl("vf", "fatal", "nic0")
        vm.wait_for(lambda: path_is(guest, "synthetic") and guest.stat()["vf"] < 0,
                    "a guest without VF")
        guest.ctl("vf", "assign", "nic0", "--order", "uevent,note")
        vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
        before = guest.stats()["toGuest"]["vf"]["frames"]
        vm.wait_for(lambda: guest.stats()["toGuest"]["vf"]["frames"] > before + 100, "VF traffic")
        stream.stop()
        account(guest, stream)
        guest.quit()


def killed():
    """The guest is killed while the VF has the traffic; the next one finds the VM as new."""
    command = [GUEST, "-l", "0-1", *vm.EAL, "--", "1"]
    script = " ".join(command) + "; echo over; " + " ".join(command)
    with vm.Vm(["sh", "-c", script], "--vf", "on") as guest:
        for life in (1, 2):
            guest.expect("ready", 60)
            vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
            before = guest.stats()["toGuest"]["vf"]["frames"]
            for frame in test_netvsc.packets(500, 20, 60):
                guest.cable.send(frame)
            vm.wait_for(lambda: guest.stats()["toGuest"]["vf"]["frames"] == before + 500,
                        "frames to the VF")
            if life == 1:
                shell = vm.command_of(guest)
                with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as file:
                    os.kill(int(file.read().split()[0]), signal.SIGKILL)
                guest.expect("over")
                vm.wait_for(lambda: not guest.nic()["vf"]["open"] and
                            not guest.stats()["synthetic"]["connected"], "closed devices")
                check(guest.nic()["datapath"] == "synthetic", "no VF path without a guest")
        def received():
            guest.write("stat\n")
            return '"distinct":500' in guest.expect(r"\{.*\}\s")

        vm.wait_for(received, "500 frames with the second guest")
        check(True, "the second guest has its 500 frames by the VF")
        check(guest.stats()["vf"]["opens"] == 2, "two guests had the VF")
        guest.write("quit\n")
        guest.expect("ended")


def flap():
    """Changes pile up faster than the guest can follow; in the end the VF is there."""
    with Guest("--vf", "on") as guest:
        vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
        stream = Stream(guest.cable)
        stream.start()
        for _ in range(5):
            guest.ctl("vf", "revoke", "nic0", "--delay", "30")
            guest.ctl("vf", "assign", "nic0", "--delay", "30")
        vm.wait_for(lambda: path_is(guest, "vf") and guest.nic()["vf"]["open"] and
                    not guest.nic()["vf"]["changing"], "the VF path after flapping", 40)
        before = guest.stats()["toGuest"]["vf"]["frames"]
        vm.wait_for(lambda: guest.stats()["toGuest"]["vf"]["frames"] > before + 500, "VF traffic")
        stream.stop()
        account(guest, stream)
        guest.quit()


def note_alone():
    """The association is taken back and given again while the PCI device stays: netvsc of 22.11 stays
    with the synthetic path then (hn_vf.c:256), later ones return; no frame is lost either way."""
    with Guest("--vf", "on") as guest:
        vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
        stream = Stream(guest.cable)
        stream.start()
        time.sleep(0.3)
        guest.ctl("vf", "revoke", "nic0", "--order", "note")
        vm.wait_for(lambda: path_is(guest, "synthetic"), "the synthetic path")
        guest.ctl("vf", "assign", "nic0", "--order", "note")
        time.sleep(0.5)
        stream.stop()
        account(guest, stream)
        guest.quit()


def churn(count):
    """Rules are created and destroyed without pause while the VF comes and goes, under the lock that
    an application needs for it (guest.c)."""
    with Guest("--vf", "on") as guest:
        vm.wait_for(lambda: path_is(guest, "vf"), "the VF path")
        guest.say("churn")
        stream = Stream(guest.cable)
        stream.start()
        for number in range(count):
            before = guest.stat()["churned"]
            cycle(guest, REVOKES[number * 7 % len(REVOKES)], "pci,uevent,note", 0)
            vm.wait_for(lambda: guest.stat()["churned"] > before + 128, "rules on the new VF")
        stream.stop()
        account(guest, stream)
        check(True, f"{guest.stat()['churned']} rules made and destroyed meanwhile")
        guest.quit()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=4)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    vm.need(GUEST)
    tests = {
        "marks": marks,
        "marks-user": lambda: marks(as_user=True),
        "cycles": lambda: cycles(every_order(options.cycles)),
        "usual": lambda: cycles(usual_order(max(2, options.cycles // 3))),
        "churn": lambda: churn(max(2, options.cycles // 3)),
        "elsewhere": elsewhere,
        "note-alone": note_alone,
        "fatal-alone": fatal_alone,
        "killed": killed,
        "flap": flap,
    }
    if os.geteuid() != 0:
        del tests["marks-user"]
    vm.run_all(tests, options.tests)


if __name__ == "__main__":
    main()
