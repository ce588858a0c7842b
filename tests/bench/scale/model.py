"""What many images take on many workers, from what each action of one image took: a simulation, event by event."""

import heapq


class Assumptions:
    """What the model takes for granted, besides what was measured."""

    def __init__(self, measured, options):
        self.actions = measured["actions"]
        self.own = measured["own"]
        self.program = measured["program"]
        self.cores = measured["processors"]
        self.clients = options.clients
        self.processors = options.processors
        # Bytes a second.
        self.link = options.link * 1e6 / 8
        self.overhead = options.overhead
        self.core_hour = options.core_hour
        self.gigabyte = options.gigabyte


class Step:
    """One action of one image, or of all that share it."""

    def __init__(self, index, action, image):
        self.index, self.action, self.image = index, action, image
        self.needs, self.needed_by = [], []
        self.missing = 0
        # Seconds from its begin to the end of everything behind it, were there enough machines.
        self.urgency = 0.0
        # What remains to be done for it, and what was done last.
        self.phases, self.latest = [], None

    @property
    def label(self):
        return self.action["label"] if self.image is None else f"{self.action['label']} ({self.image + 1})"


def graph(actions, own, images):
    """The steps of all images; what they share stands there once."""
    steps, place = [], {}
    for index, action in enumerate(actions):
        for image in range(images) if index in own else [None]:
            step = Step(len(steps), action, image)
            for need in action["needs"]:
                # What is shared although something that it needs is not came out the same for all images; the first one's will do.
                before = place.get((need, image)) or place.get((need, None)) or place[(need, 0)]
                step.needs.append(before)
                before.needed_by.append(step)
            step.missing = len(step.needs)
            place[(index, image)] = step
            steps.append(step)
    for step in reversed(steps):
        step.urgency = step.action["seconds"] + max((behind.urgency for behind in step.needed_by), default=0)
    return steps


class Span:
    """Something that was done for a step, from one moment to another."""

    def __init__(self, step, begin, end, after, waited_for):
        self.step, self.begin, self.end = step, begin, end
        # What it could not begin before, and what that held: nothing where it is an input.
        self.after, self.waited_for = after, waited_for


class Resource:
    """So many of something that one step at a time can have: workers, processors, a link."""

    def __init__(self, name, count):
        self.name, self.free, self.queue = name, list(range(count)), []
        # By number: what it was last used for.
        self.last = {}


class Simulation:
    """Lets all steps happen. Of what waits for something, the most urgent gets it first."""

    def __init__(self, assumptions, steps, workers):
        self.given, self.steps = assumptions, steps
        self.workers = Resource("worker", workers)
        self.processors = [Resource("client", assumptions.processors) for _ in range(assumptions.clients)]
        self.links = [Resource("link", 1) for _ in range(assumptions.clients)]
        self.moved = {"client to store": 0, "store to workers": 0, "workers to store": 0, "store to client": 0}
        self.busy = 0.0
        self.stored = set()
        self.held = [set() for _ in range(workers)]
        self.events, self.count = [], 0

    def run(self):
        for step in self.steps:
            if step.missing == 0:
                self.start(step, 0.0)
        while self.events:
            now, _, action = heapq.heappop(self.events)
            action(now)

    def at(self, moment, action):
        self.count += 1
        heapq.heappush(self.events, (moment, self.count, action))

    def start(self, step, now):
        client = (step.image or 0) % self.given.clients
        if step.action["remote"]:
            link = self.links[client]
            step.phases = [(link, self.upload), (self.workers, self.work), (link, self.download)]
        else:
            step.phases = [(self.processors[client], lambda step, _: step.action["seconds"])]
        self.proceed(step, now)

    def proceed(self, step, now):
        if not step.phases:
            self.finish(step, now)
            return
        resource, _ = step.phases[0]
        heapq.heappush(resource.queue, (-step.urgency, step.index, now, step))
        self.hand_out(resource, now)

    def hand_out(self, resource, now):
        while resource.free and resource.queue:
            _, _, since, step = heapq.heappop(resource.queue)
            number = heapq.heappop(resource.free)
            _, cost = step.phases.pop(0)
            end = now + cost(step, number)
            if now > since and number in resource.last:
                span = Span(step, now, end, resource.last[number], resource.name)
            else:
                span = Span(step, now, end, step.latest, "")
            step.latest = resource.last[number] = span
            self.at(end, lambda later, step=step, number=number: self.release(resource, number, step, later))

    def release(self, resource, number, step, now):
        heapq.heappush(resource.free, number)
        self.proceed(step, now)
        self.hand_out(resource, now)

    def finish(self, step, now):
        for behind in step.needed_by:
            behind.missing -= 1
            if behind.missing == 0:
                behind.latest = step.latest
                self.start(behind, now)

    def inputs(self, step):
        sizes = {need.index: need.action["bytes"] for need in step.needs}
        sizes["sources of " + step.action["label"]] = step.action["known"]
        sizes["zosc"] = self.given.program
        return sizes

    def upload(self, step, _):
        sizes = self.inputs(step)
        fresh = sum(size for key, size in sizes.items() if key not in self.stored)
        self.stored.update(sizes)
        self.moved["client to store"] += fresh
        return fresh / self.given.link

    def work(self, step, worker):
        sizes = self.inputs(step)
        fetched = sum(size for key, size in sizes.items() if key not in self.held[worker])
        self.held[worker].update(sizes, [step.index])
        self.stored.add(step.index)
        result = step.action["bytes"]
        self.moved["store to workers"] += fetched
        self.moved["workers to store"] += result
        seconds = self.given.overhead + (fetched + result) / self.given.link + step.action["seconds"]
        self.busy += seconds
        return seconds

    def download(self, step, _):
        self.moved["store to client"] += step.action["bytes"]
        return step.action["bytes"] / self.given.link


class Case:
    """So many images on so many workers, and how that went."""

    def __init__(self, assumptions, name, images, workers):
        steps = graph(assumptions.actions, set(assumptions.own[name]), images)
        simulation = Simulation(assumptions, steps, workers)
        simulation.run()
        self.steps, self.moved = steps, simulation.moved
        self.seconds = max(step.latest.end for step in steps)
        self.bytes = sum(self.moved.values())
        self.through_client = self.moved["client to store"] + self.moved["store to client"]
        self.core_hours = simulation.busy * assumptions.cores / 3600
        self.standing_by = self.seconds * workers * assumptions.cores / 3600
        self.cost = self.core_hours * assumptions.core_hour + self.bytes / 1e9 * assumptions.gigabyte

    def path(self):
        """What made it take as long as it did, in its order: spans, each of which begins where the one before ends."""
        span, path = max((step.latest for step in self.steps), key=lambda span: (span.end, span.step.index)), []
        while span is not None:
            # A worker's time and what was sent before and after it are one.
            if path and path[-1].step is span.step and not path[-1].waited_for:
                path[-1] = Span(span.step, span.begin, path[-1].end, span.after, span.waited_for)
            else:
                path.append(span)
            span = span.after
        return path[::-1]
