# ruff: noqa: E501 - a template reads best on one line
"""What people ask an assistant for: the words of the synthetic corpus `intents`.

Notation: `(a|b|)` is one of its alternatives, the usual ones first; `{slot}` is filled from
`SLOTS`; `{S}`, `{me}` and `{my}` are the person it is for, and `<be>` agrees with `{S}`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Intent:
    """Ways to say one thing.

    `acts` are verb phrases for whoever is the subject, `helps` for the assistant alone, `terse`
    is what an impatient thumb types, and `asks` pairs a question word with a verb phrase that
    goes with do, did or will.
    """

    acts: tuple[str, ...]
    helps: tuple[str, ...]
    terse: tuple[str, ...]
    asks: tuple[tuple[str, str], ...] = ()


DOMAINS: dict[str, dict[str, Intent]] = {
    "clock": {
        "set_alarm": Intent(
            acts=(
                "(set|add|create|put on|schedule|turn on) (an|another|a new) alarm (for|at) {time}(| {day})(| {purpose})",
                "(set|put) {my} alarm (for|to) {time}(| {day})",
                "(get|have) an alarm (ready|going) {day} (at|for) {time}",
                "(be|get) up by {time}(| {day}) with an alarm",
                "(use|get) a wake-up call (at|for) {time}(| {day})",
                "make (the|that) (phone|clock|buzzer) (ring|go off) at {time}(| {day})",
                "(set|arrange) a wake-up for {time}(| {purpose})",
            ),
            helps=(
                "wake {me}( up|) (at|by|around) {time}(| {day})(| {purpose})",
                "get {me} (up|out of bed) (at|by) {time}(| {day})(| {purpose})",
                "(buzz|ring) {me} at {time}(| {day})(| {purpose})",
                "make sure {S} <be> awake (at|by) {time}(| {day})",
            ),
            terse=(
                "alarm {time}(| {day})",
                "new alarm {day} {time}",
                "wake-up {time}(| {purpose})",
                "up at {time} {day}",
            ),
        ),
        "cancel_alarm": Intent(
            acts=(
                "(cancel|delete|remove|clear|kill|scrap) (the|{my}) {time} alarm(| {day})",
                "(cancel|delete|turn off|switch off|stop|drop) (the|{my}) alarm (for|at|set for) {time}(| {day})",
                "(turn|switch|shut) (the|{my}) (alarm|wake-up call|buzzer) off(| {day})",
                "get rid of (the|{my}|every) (alarm|wake-up call)(| for {time}| {day})",
                "(sleep in|sleep late|stay in bed) {day} without (the|an) alarm",
                "(take|wipe) (the|{my}|all) (alarm|alarms) off (for {time}|{day})",
                "undo (the|{my}) {time} (alarm|wake-up)",
            ),
            helps=(
                "let {me} sleep (in|past {time}|longer) {day}, (no|drop the) alarm",
                "stop (waking|ringing|buzzing) {me} (at {time}|{day})",
                "quit that (alarm|buzzer|ringing)(| at {time})",
            ),
            terse=(
                "alarm off(| {day}| {time})",
                "no (alarm|wake-up) {day}",
                "{time} alarm off",
                "stop alarm(| {time})",
            ),
        ),
        "check_alarm": Intent(
            acts=(
                "(check|see|look up|find out) (what|which) time (the|{my}) alarm is (set for|on)(| {day})",
                "(check|see|confirm|make sure) (the|{my}) alarm is (on|set|still on)(| for {time}| {day})",
                "(list|see|view|go over) (the|all|{my}) alarms(| for {day}| set {day})",
                "(check|see) whether there is an alarm (for|at) {time}(| {day})",
                "find out when (the|{my}) (alarm|buzzer|wake-up call) goes off(| {day})",
                "(find out|see|check) how many alarms are (on|set|active)(| {day})",
            ),
            helps=(
                "(show|read|tell) {me} (the|which|what) alarms(| are on| are set)(| {day})",
                "tell {me} when (the|{my}) alarm (rings|goes off|is due)(| {day})",
                "say (if|whether) an alarm is (set|on) (for|at) {time}(| {day})",
            ),
            terse=(
                "alarms {day}",
                "alarm (on|set)( for|) {time}",
                "which alarms(| {day})",
                "my alarms",
            ),
            asks=(
                ("when", "have an alarm(| {day})"),
                ("which alarms", "have (on|set)(| {day})"),
                ("what time", "get woken up(| {day})"),
                ("", "have an alarm (on|set) (for|at) {time}(| {day})"),
            ),
        ),
        "set_timer": Intent(
            acts=(
                "(set|start|run|put on) a (timer|countdown) (for|of) {duration}(| {timed})",
                "(start|set) a {duration} (timer|countdown)(| {timed})",
                "time {duration}(| {timed})",
                "count down (from |){duration}(| {timed})",
                "(put|get) {duration} on the (timer|clock)(| {timed})",
                "(keep track of|measure) {duration}(| {timed})",
            ),
            helps=(
                "(tell|warn|ping|alert|buzz) {me} (in|after) {duration}(| {timed})",
                "let {me} know when {duration} (are|is) (up|over)(| {timed})",
                "(beep|ring|go off|buzz) (in|after) {duration}(| {timed})",
            ),
            terse=(
                "timer {duration}(| {timed})",
                "{duration} timer",
                "{duration} {timed}",
                "countdown {duration}",
            ),
        ),
        "check_time": Intent(
            acts=(
                "(check|see|find out|look up) (what time it is|the time|the hour|the local time) in {city}(| now)",
                "(check|find out) (what time it is|the time)(| now| here)",
                "(find out|see|check) how (late|early) it is in {city}",
                "(work out|check|see) the time difference (between {city} and {city}|with {city})",
                "see (if|whether) it's (morning|night|late|past {time}|after {time}) in {city}",
                "(look at|read) the clock in {city}",
            ),
            helps=(
                "(tell|give|show) {me} (the|the current|the local) time(| in {city}| over in {city})",
                "tell {me} (what time|how late) it is(| in {city})",
                "say what the clock (shows|says)(| in {city})",
            ),
            terse=(
                "time in {city}",
                "{city} time(| now)",
                "time (now|please|there) {city}",
                "local time {city}",
            ),
            asks=(
                ("what time", "have(| over) in {city}"),
                ("which time zone", "need for {city}"),
            ),
        ),
    },
    "calendar": {
        "add_event": Intent(
            acts=(
                "(add|put) (a|the) {event} (to|on|in) {my} (calendar|diary|schedule|agenda)(| {day}| for {time})",
                "(schedule|set up|arrange|plan|organise|book) (a|the) {event} (with {name} |)(for|at) {time}(| {day})",
                "(schedule|set up|fix|plan) (a|the) {event} {day}(| at {time})(| with {name})",
                "(block|reserve|keep) {time}(| {day}) for (a|the) {event}",
                "(block|free) out {day} (for|because of) (a|the) {event}",
                "(make|create|enter) (an entry|an appointment|a slot) for (a|the) {event} {day}(| at {time})",
                "meet {name} {day} at {time} and (note it|have it in the calendar)",
            ),
            helps=(
                "put {me} down for (a|the) {event} {day}(| at {time})",
                "pencil {me} in for (a|the) {event}(| with {name}) {day}",
                "mark {day} as (taken|busy) for (a|the) {event}",
            ),
            terse=(
                "{event} {day} {time}",
                "new (event|entry|appointment) {event} {day}",
                "{event} with {name} {time}(| {day})",
                "calendar {event} {day}",
            ),
        ),
        "cancel_event": Intent(
            acts=(
                "(cancel|call off|drop|scrap|delete|remove) (the|{my}) {event}(| with {name})(| {day}| at {time})",
                "(take|clear|wipe|strike) (the|{my}) {event} (off|from) (the|{my}) (calendar|diary|agenda)",
                "(get out of|skip|pull out of) (the|{my}) {event}(| {day}| with {name})",
                "clear {my} (calendar|schedule|agenda|diary) {day}",
                "(cancel|delete|clear) everything (in the calendar |)(after {time}|{day})",
                "(turn down|decline) (the |){event}(| with {name})(| {day})",
            ),
            helps=(
                "take {me} off the {event}(| {day}| with {name})",
                "free {me} up {day}, (cancel|drop) the {event}",
                "let {name} know the {event} {day} is (off|cancelled)",
            ),
            terse=(
                "cancel {event}(| {day})",
                "no {event} {day}",
                "{event} (off|cancelled)(| {day})",
                "drop {event} with {name}",
            ),
        ),
        "check_schedule": Intent(
            acts=(
                "(check|see|look at|go over|review|open) {my} (calendar|schedule|agenda|diary)(| {day}| for {day})",
                "(check|see|find out) (when|what time|where) (the|{my}) {event} is(| {day})",
                "(see|check) (if|whether) {S} <be> (free|busy|booked) (at {time}|{day})",
                "(find|look for) a free (hour|slot|afternoon) {day}",
                "see what is (on|planned|coming up) {day}",
                "(see|check) who is coming to the {event}(| {day})",
            ),
            helps=(
                "(tell|show|read) {me} (what's on|the plan|the agenda|the appointments) {day}",
                "(remind|tell) {me} (when|what time|where) the {event} (is|starts)",
                "run {me} through {my} (day|schedule|agenda)(| {day})",
            ),
            terse=(
                "(agenda|schedule|calendar) {day}",
                "when {event}",
                "free {day} {time}",
                "what's on {day}",
            ),
            asks=(
                ("what", "have (on|planned|coming up) {day}"),
                ("what time", "have (the|that) {event}(| {day})"),
                ("when", "meet {name}(| {day})"),
                ("", "have (anything|a free hour|a {event}) (on |){day}"),
            ),
        ),
        "move_event": Intent(
            acts=(
                "(move|shift|push|change|bring) (the|{my}) {event}(| with {name}) (to|back to|forward to) {time}(| {day})",
                "(reschedule|rearrange|postpone) (the|{my}) {event}(| with {name})(| to {time})(| {day})",
                "(push back|put off|delay) (the|{my}) {event} (by {duration}|until {time}|until later {day})",
                "(have|start) (the|{my}) {event} (earlier|later|at {time} instead)(| {day})",
                "(change|switch) the (time|date|day|hour) of (the|{my}) {event}(| to {time})(| {day})",
                "(swap|trade) (the|{my}) {event} {day} for (another|a later|an earlier) (day|slot)",
            ),
            helps=(
                "give {me} (a later|an earlier|another) (slot|time) for the {event}(| {day})",
                "(tell|ask) {name} to have the {event} at {time} instead(| {day})",
                "get {me} the {event} {duration} (later|earlier)",
            ),
            terse=(
                "{event} to {time}(| {day})",
                "{event} {duration} later",
                "{event} (later|earlier|another day)(| {day})",
                "reschedule {event} {day}",
            ),
        ),
        "add_reminder": Intent(
            acts=(
                "(set|make|add|create|leave) a reminder to {task}(| {day}| at {time})",
                "(add|put) {task} (to|on) {my} (to-do list|list|reminders|tasks)",
                "remember to {task}(| {day}| at {time})",
                "(write down|note|jot down) to {task}(| {day})",
                "(get|have) a (reminder|nudge|note) (at {time}|{day}) to {task}",
            ),
            helps=(
                "remind {me} to {task}(| {day}| at {time})",
                "remind {me} (at {time}|{day}|in {duration}) to {task}",
                "(nudge|poke|ping|tell) {me} (at {time}|{day}|in {duration}) to {task}",
                "make sure {S} <remember> to {task}(| {day})",
            ),
            terse=(
                "reminder {task}(| {day}| {time})",
                "to-do {task}",
                "{task}, (reminder|note)(| {day}| {time})",
                "note: {task} {day}",
            ),
        ),
    },
    "travel": {
        "book_flight": Intent(
            acts=(
                "(book|reserve|buy|get) a (flight|plane ticket|seat) (to {city}|from {city} to {city})(| {day})(| with {airline})",
                "(book|find|get) (the cheapest|a cheap|a direct|an early|a late) (flight|ticket|connection) to {city}(| {day})",
                "fly (to {city}|from {city} to {city}) {day}(| with {airline})(| for less than {amount})",
                "(get|book|buy) {count} (tickets|seats) to {city}(| {day})(| on {airline})",
                "(travel|get|go) to {city} by plane {day}",
                "(make|place) a booking (with|on) {airline} (to|for) {city}(| {day})",
            ),
            helps=(
                "(get|put|find) {me} (a seat|a place) on (a|the) (plane|flight) to {city}(| {day})",
                "fly {me} (out |)to {city}(| {day})",
                "get {me} to {city} (by plane |){day}",
            ),
            terse=(
                "flight to {city}(| {day})",
                "{city} to {city} {day}",
                "{count} tickets {city} {airline}",
                "cheap flights {city}(| {day})",
            ),
        ),
        "cancel_flight": Intent(
            acts=(
                "(cancel|call off|drop|scrap) (the|{my}) (flight|trip|ticket|booking|reservation) to {city}(| {day})",
                "(cancel|give up|hand back|return) (the|{my}) {airline} (flight|ticket|seat|booking)(| {day})",
                "(get|claim) (a refund|money back|a full refund) (for|on) (the|{my}) (flight|ticket)(| to {city})",
                "(stay home|stay here) and skip the flight to {city}(| {day})",
                "(pull out of|get out of) (the|{my}) (flight|trip|booking) (to|from) {city}",
                "(undo|void|delete) the (flight|plane|{airline}) booking(| for {day}| to {city})",
            ),
            helps=(
                "(take|get) {me} off the (flight|plane) to {city}(| {day})",
                "(refund|pay back) {me} the (ticket|flight)(| to {city})",
                "get {me} {my} money back for the {airline} (flight|ticket)",
            ),
            terse=(
                "cancel {city} (flight|ticket|trip)",
                "flight {city} cancel",
                "refund {airline} (ticket|flight)",
                "no {city} trip {day}",
            ),
        ),
        "change_flight": Intent(
            acts=(
                "(change|move|switch|push) (the|{my}) (flight|ticket|booking|trip) (to {city} |)to (an earlier|a later|another) (one|day|date)",
                "(move|change|shift|rebook) (the|{my}) {city} (flight|trip|ticket) to {day}(| at {time})",
                "(take|get|catch) (an earlier|a later|another) (flight|plane) to {city}(| {day})",
                "(change|switch|upgrade) (the|{my}) seat on the (flight|plane) to {city}",
                "(fly|leave|travel) to {city} (later|earlier|{day} instead)(| on the same ticket)",
                "(change|correct) the (date|name|day|time) on (the|{my}) {airline} (ticket|booking)",
            ),
            helps=(
                "(put|get|move) {me} (on|onto) (an earlier|a later|another) (flight|plane)(| to {city})(| {day})",
                "give {me} (a window|an aisle|another|a better) seat (on|for) the (flight|plane) to {city}",
                "rebook {me} (on|with) {airline}(| {day})",
            ),
            terse=(
                "(earlier|later) flight {city}",
                "flight {city} to {day} instead",
                "change {airline} ticket(| {day})",
                "(window|aisle) seat {city} flight",
            ),
        ),
        "flight_status": Intent(
            acts=(
                "(check|see|find out) (if|whether) the (flight|plane) (to|from) {city} is (on time|late|delayed|cancelled)(| {day})",
                "(check|track|follow|look up) (the|{my}) (flight|plane)(| to {city}| from {city}| with {airline})",
                "(find out|see|check) (what time|when|where) the {airline} (flight|plane) (lands|leaves|takes off|arrives|boards)(| {day})",
                "(check|look up) the (gate|terminal|departure|arrival|delay) (of|for) the {city} flight",
                "(find out|see|check) how (late|delayed) the plane (to|from) {city} is",
                "see when {name} lands in {city}",
            ),
            helps=(
                "(tell|show|give) {me} the (status|gate|arrival time|departure time) of the (flight|plane) (to|from) {city}",
                "tell {me} (if|whether|when) the (plane|flight) (to|from) {city} (leaves|has landed|is late)",
                "keep {me} posted (on|about) the {airline} flight(| to {city})",
            ),
            terse=(
                "flight status {city}",
                "{airline} {city} (late|on time|gate|delayed)",
                "gate {city} flight",
                "plane from {city} landed",
            ),
            asks=(
                ("what time", "(land|take off|arrive) in {city}"),
                ("which gate", "need for {city}"),
                ("when", "board the (plane|flight) to {city}"),
                ("", "fly on time to {city}(| {day})"),
            ),
        ),
        "book_hotel": Intent(
            acts=(
                "(book|reserve|get|find) a (room|hotel|hotel room|bed|suite) in {city}(| {day})(| for {count})",
                "(book|find|reserve) (a place|somewhere) to (stay|sleep) in {city}(| {day})(| for under {amount})",
                "(stay|sleep|spend the night|check in) (at|in) a (hotel|hostel|guest house) in {city}(| {day})",
                "(make|place) a (hotel |)(booking|reservation) in {city} for {count}(| {day})",
                "(get|book) {count} (rooms|beds|nights) in {city}(| {day})",
                "(rent|take) a (flat|room|suite) (near the airport |)in {city}(| {day})",
            ),
            helps=(
                "(get|find|book) {me} a (room|hotel|bed) (in|near) {city}(| {day})(| for {amount})",
                "put {me} up in {city}(| {day})",
                "find {me} somewhere to sleep (in|near) {city}",
            ),
            terse=(
                "hotel {city}(| {day})",
                "room for {count} {city}",
                "{count} nights {city}",
                "cheap (room|hotel|hostel) {city}",
            ),
        ),
    },
    "banking": {
        "check_balance": Intent(
            acts=(
                "(check|see|look up|look at|view) (the balance|the balance of {my} account|{my} balance|the {account} balance)",
                "(check|see|find out) how much (money |)is (left |)(in|on) {my} {account}",
                "(see|find out) (if|whether) there is (enough|{amount}|more than {amount}) (in|on) {my} {account}",
                "make sure there is enough in {my} {account} for {reason}",
                "(look into|open) {my} {account} and see what is (left|there)",
                "check the (funds|money) (in|available in) {my} {account}",
            ),
            helps=(
                "(tell|show|give) {me} (the|{my}) (balance|{account} balance)",
                "tell {me} (how much|what) is (left |)in {my} {account}",
                "say (if|whether) {amount} is (there|left|too much) for {my} {account}",
            ),
            terse=(
                "balance {account}",
                "{account} balance(| now)",
                "money left {account}",
                "how much in {account}",
            ),
            asks=(
                ("how much", "have (left |)(in|on) {my} {account}"),
                ("how much money", "(have|own|keep) in {my} {account}"),
                ("", "have (enough|{amount}|money) (left |)in {my} {account}"),
            ),
        ),
        "transfer_money": Intent(
            acts=(
                "(send|transfer|wire|move|pay) {amount} to {name}(| for {reason})(| from {my} {account})",
                "(transfer|move|shift|put) {amount} (from {my} {account} |)(to|into) {my} {account}",
                "(send|pay|give) {name} {amount}(| for {reason})",
                "(make|set up) a transfer (of {amount} |)to {name}(| {day}| for {reason})",
                "(pay|give) {name} back (for {reason}|the {amount})(| for {reason})",
                "(settle up|split {reason}|get even) with {name} and send {amount}",
            ),
            helps=(
                "get {amount} (over |)to {name}(| for {reason})(| {day})",
                "move {me} {amount} (to|into) {my} {account}",
                "wire {name} {my} (half|share) of {reason}",
            ),
            terse=(
                "{amount} to {name}",
                "transfer {amount} {account}",
                "{name} {amount} for {reason}",
                "{amount} {account} to {account}",
            ),
        ),
        "pay_bill": Intent(
            acts=(
                "pay (the|{my}) {bill}(| bill)(| {day})(| from {my} {account})",
                "(pay off|settle|clear|take care of) (the|{my}) {bill} bill(| {day})",
                "(pay|settle) the {amount} for (the|{my}) {bill}",
                "(pay|send) {amount} (to|towards) (the|{my}) {bill} (bill|invoice|company)",
                "(set up|schedule|make) a (payment|direct debit) for (the|{my}) {bill}(| {day})",
                "(get|have) the {bill} (bill|invoice) paid (by {day}|from {my} {account}|on time)",
            ),
            helps=(
                "take care of (the|{my}) {bill} (bill|invoice) for {me}",
                "use {my} {account} for the {bill} (bill|payment)",
                "(put|charge) the {bill} (bill|invoice) (on|to) {my} {account}",
            ),
            terse=(
                "pay {bill}(| {day})",
                "{bill} bill {amount}",
                "{bill} payment(| {day})",
                "{bill} bill from {account}",
            ),
        ),
        "block_card": Intent(
            acts=(
                "(block|freeze|lock|cancel|stop|disable|deactivate) {my} {card}",
                "(block|freeze|cancel) the {card} (lost|stolen|left behind) (at {merchant}|in {city}|{day})",
                "(report|declare) {my} {card} (as |)(lost|stolen|missing)(| in {city}| at {merchant})",
                "(stop|put a stop on|put a hold on) {my} {card}(| before somebody uses it)",
                "(make sure nobody|keep anyone from) (uses|using|pays|paying) with {my} {card}",
                "get (a new|a replacement) {card} for the (lost|stolen|missing) one",
            ),
            helps=(
                "put a (block|lock|freeze|hold) on {my} {card}",
                "turn {my} {card} off(| for now)",
                "shut down {my} {card}(| until {day})",
            ),
            terse=(
                "(lost|stolen) {card}",
                "{card} (lost|stolen|gone|missing)(| in {city})",
                "block {card}",
                "freeze {card} now",
            ),
        ),
        "find_transaction": Intent(
            acts=(
                "(check|see|look up|find|go over) the (payment|charge|transaction) (of {amount} |)(to|at|from) {merchant}(| {day})",
                "(check|see|list|view|go through) (the last|recent|all) (transactions|payments|charges|purchases)(| on {my} {card})(| {day})",
                "(see|find out) (how much|what) (was spent|went out|was paid) (at|on) {merchant}(| {day})",
                "see why {amount} (went to|was charged by|was taken by) {merchant}",
                "(find|look for) (a|the) {amount} (charge|payment|debit) on {my} {card}",
                "see (if|whether) the (salary|refund|payment|transfer) (of {amount} |from {name} |)(has arrived|came in|went through)",
            ),
            helps=(
                "(show|read|list) {me} (the|{my}) (last|recent|latest) (payments|charges|transactions)(| at {merchant})",
                "tell {me} (how much|what) went to {merchant}(| {day})",
                "explain the {amount} (from|charged by) {merchant}",
            ),
            terse=(
                "{merchant} charge(| {amount})",
                "(payments|transactions|spending) {day}",
                "{amount} {merchant} payment",
                "last (payments|charges) {card}",
            ),
            asks=(
                ("how much", "(spend|pay) (at|on) {merchant}(| {day})"),
                ("what", "pay {merchant} {amount} for"),
                ("", "pay {merchant} (twice|{amount})(| {day})"),
            ),
        ),
    },
    "dining": {
        "book_table": Intent(
            acts=(
                "(book|reserve|get|find) a table (for {count} |)at {restaurant}(| {day})(| at {time})",
                "(make|place) a (reservation|booking) (at|for) {restaurant}(| {day})(| for {count})",
                "(reserve|book) (dinner|lunch|brunch|seats) for {count} at {restaurant}(| {day}| at {time})",
                "(eat|have dinner|have lunch|dine) (out |)at {restaurant} {day}(| with {name})",
                "(get|find) a (place|table|spot) for {count} (at a {cuisine} place|at {restaurant}) {day}",
                "(take {name}|go) (out |)for {cuisine} food {day} and (book|reserve) a table",
            ),
            helps=(
                "(get|find|save) {me} a table (at {restaurant}|at a {cuisine} place)(| {day}| for {time})",
                "(get|put) {me} in at {restaurant}(| {day})(| at {time})",
                "call {restaurant} and ask for a table (for {count}|at {time})",
            ),
            terse=(
                "table {restaurant} {time}",
                "table for {count}(| {day})",
                "{restaurant} {day} {time}",
                "{cuisine} dinner for {count} {day}",
            ),
        ),
        "cancel_table": Intent(
            acts=(
                "(cancel|call off|drop|scrap) (the|{my}) (table|reservation|booking|dinner reservation) at {restaurant}(| {day})",
                "(cancel|give up|let go of) (the|{my}) table (for {count}|at {time}|{day})",
                "(tell|let) {restaurant} (know |)(nobody is coming|the table is not needed|there will be no dinner)(| {day})",
                "(get out of|pull out of) (the|{my}) (dinner|lunch|booking) at {restaurant}(| {day})",
                "(stay home|eat at home) {day} (instead of going to|and skip) {restaurant}",
                "(undo|delete|remove) the {restaurant} (booking|reservation)(| for {count}| {day})",
            ),
            helps=(
                "call {restaurant} and (cancel|drop) the (table|reservation)(| {day})",
                "take {me} off the list at {restaurant}(| {day})",
                "free up {my} table at {restaurant}(| {day}| at {time})",
            ),
            terse=(
                "cancel {restaurant}(| {day})",
                "no table {restaurant} {day}",
                "{restaurant} booking off",
                "drop table for {count} {day}",
            ),
        ),
        "order_food": Intent(
            acts=(
                "(order|get) {dish}(| and {dish}) (from {restaurant}|for delivery|to go|for {count})",
                "(order|get) (a|some) {cuisine} (takeaway|takeout|food|delivery)(| for {count})(| {day})",
                "(have|get) {dish} (delivered|brought over|sent home)(| by {time}| at {time})",
                "(place|make) an order (at|with|for) ({restaurant}|{dish})(| for {count})",
                "(eat|have) {dish} at home {day} from {restaurant}",
                "(add|put) {dish} (to|in) (the|{my}) (order|basket)(| at {restaurant})",
            ),
            helps=(
                "(get|bring|send) {me} (some |){dish}(| from {restaurant})",
                "feed {me} {dish}(| from {restaurant})",
                "have {restaurant} (send|deliver|bring) {dish}",
            ),
            terse=(
                "{dish} for {count}",
                "{dish} and {dish} please",
                "{dish} from {restaurant}",
                "{cuisine} takeaway(| {time})",
            ),
        ),
        "track_order": Intent(
            acts=(
                "(check|see|find out) (where|how far away) (the|{my}) (order|food|delivery|driver|{dish}) is",
                "(track|follow) (the|{my}) (order|delivery|driver|food)(| from {restaurant})",
                "(see|find out) (when|what time|how soon) the {dish} (arrives|gets here|comes|will be here)",
                "(check|see) (if|whether) {restaurant} has (sent|started|shipped) the (order|food)",
                "(check|see) the status of the (order|{dish})(| from {restaurant})",
                "(find out|see|check) why the (food|order|{dish}) (is so late|takes so long)(| from {restaurant})",
            ),
            helps=(
                "(tell|show) {me} where the (order|driver|food|{dish}) is",
                "tell {me} (how long|when) the (food|delivery|{dish}) (takes|comes)",
                "(ask|call) {restaurant} (where the|about the) (order|food|{dish})( is|)",
            ),
            terse=(
                "where is (my order|the {dish})",
                "order status {restaurant}",
                "{dish} (late|not here|eta)",
                "{restaurant} delivery where",
            ),
            asks=(
                ("when", "get (the|{my}) (food|order|{dish})"),
                ("how long", "wait for (the|{my}) {dish}(| from {restaurant})"),
                ("", "get (the|{my}) {dish} (soon|by {time})"),
            ),
        ),
        "find_recipe": Intent(
            acts=(
                "(find|look up|get|search for) a (recipe|good recipe|quick recipe) (for|with) {dish}",
                "(make|cook|bake|prepare) {dish}(| for {count})(| from scratch| with a recipe)",
                "(learn|find out|see) how (to make|to cook|long to cook) {dish}",
                "(cook|make) (a|some) {cuisine} (dinner|dish|meal) {day} for {count}",
                "(see|check) (what|which ingredients) (goes in|go in|are needed for) {dish}",
                "(use up|do something with) the leftover {dish}",
            ),
            helps=(
                "(show|give|read) {me} a recipe for {dish}",
                "(teach|tell|show) {me} (how to make|how to cook|what goes in) {dish}",
                "(walk|talk) {me} through (making|cooking) {dish}",
            ),
            terse=(
                "recipe {dish}",
                "{dish} recipe(| for {count})",
                "how to cook {dish}",
                "easy {cuisine} (dinner|meal) ideas",
            ),
            asks=(
                ("how", "(make|cook|bake|prepare) {dish}"),
                ("what", "(need|put) (for|in) {dish}"),
                ("how long", "(cook|bake|boil|roast) {dish}"),
            ),
        ),
    },
    "media": {
        "play_music": Intent(
            acts=(
                "(play|put on|start|hear|listen to) {song}(| by {artist})",
                "(play|put on|hear|listen to) (some |)({genre}|{artist})(| {context})",
                "(play|put on|start) (the|{my}) {playlist} playlist",
                "(hear|have|get) (some |){genre} (on|going|playing)(| {context})",
                "(shuffle|queue|start) (songs|something|an album) (by|from) {artist}",
                "(dance|relax|work|wake up) to (some |)({genre}|{artist})",
            ),
            helps=(
                "(play|put on) (something by {artist}|{genre}|{song}) for {me}",
                "(entertain|cheer up|wake) {me} with (some |)({genre}|{artist})",
                "(give|spin) {me} (some |)({genre}|{artist}|{song})",
            ),
            terse=(
                "{song}",
                "{artist} {song}",
                "(some|more) {genre}",
                "{genre} {context}",
            ),
        ),
        "add_to_playlist": Intent(
            acts=(
                "(add (this song|{song}|this one|{artist}) to|put ({song}|this track|{artist}) on|save (this song|{song}) in) (the|{my}) {playlist} (playlist|list|mix)",
                "(save|keep|like|bookmark) (this song|{song}|this track|this album)(| by {artist})(| for later)",
                "(make|create|start) a (playlist|mix) (called|named|for) {playlist}(| with {artist})",
                "(have|get) {song} (in|on) (the|{my}) {playlist} (playlist|mix|list)",
                "(drop|throw|stick) ({song}|some {artist}|this) (into|on) {playlist}",
                "(include|put) (some |)({genre}|{artist}) (in|on) the {playlist} (playlist|list|mix)",
            ),
            helps=(
                "(put|save) (this|{song}) (with|among) {my} (favourites|saved songs|likes)",
                "remember (this song|this track|{song}) for {my} {playlist} (playlist|mix)",
                "make {me} a {playlist} (playlist|mix)(| with {genre}| with {artist})",
            ),
            terse=(
                "{song} to {playlist}",
                "{playlist} playlist add {artist}",
                "save (song|this|{song})",
                "new playlist {playlist}",
            ),
        ),
        "identify_song": Intent(
            acts=(
                "(find out|see|check) (what song this is|what this song is called|the name of this song)(| {context})",
                "(find out|see) who (sings|plays|wrote|made) (this|this song|this track|{song})",
                "(identify|recognise|name) (this|the) (song|tune|track|melody)(| {context})",
                "(find|look up) the (song|one|track) that goes (like |)(la la la|{song})",
                "find out (which album|what year) (this song|{song}) (is from|came out)",
                "(check|see) what (is playing|was on)(| {context})",
            ),
            helps=(
                "(tell|give) {me} the (name|title|singer|artist) of (this|the) (song|track|tune)",
                "tell {me} (who|which band) (sings|plays|does) (this|{song})",
                "listen and tell {me} the (title|band)",
            ),
            terse=(
                "what song",
                "song name (this|please|now)",
                "who sings {song}",
                "this (track|tune) called",
            ),
            asks=(
                ("what song", "(hear|listen to)(| {context})"),
                ("which band", "hear (now|here|there)(| {context})"),
            ),
        ),
        "set_volume": Intent(
            acts=(
                "(turn|put|bring|crank) (the |)(volume|sound|music|film|it) (up|down)(| to {level})(| {context})",
                "(set|change|adjust|move) the (volume|sound) to {level}",
                "(raise|lower|increase|reduce|drop) the (volume|sound|music)(| to {level}| {context})",
                "(make|get) (it|the music|the film|{artist}|{song}) (louder|quieter|softer)(| {context})",
                "(mute|silence|unmute) (the |)(music|sound|film|speaker|alarm sound)(| {context})",
                "(hear|have) (the music|the film|it) (better|louder|less loud|quietly)",
            ),
            helps=(
                "(play|run) (it|the music|the film|{song}) at {level}",
                "stop (shouting|blasting the music) at {me}",
                "(be|play) (quieter|louder|silent)(| {context})",
            ),
            terse=(
                "volume {level}",
                "(louder|quieter|mute)(| {context})",
                "sound (up|down)(| {level})",
                "too (loud|quiet)(| {context})",
            ),
        ),
        "recommend_film": Intent(
            acts=(
                "(find|pick|choose|get|see) a (film|movie|good film|series|show) (about|with|on) {plot}(| {day})",
                "(watch|see) (something|a film|a movie|a series) (about|with) {plot}(| {day})(| with {name})",
                "(find out|see) what (to watch|is good on tv|is on at the cinema)(| {day})(| with {name})",
                "(get|have) (a suggestion|some ideas|a recommendation|a tip) for (a film|a movie|film night|a series)(| about {plot})",
                "(go to|plan) (the cinema|film night) {day} (and find|with) (something|a film) about {plot}",
                "(find|watch) something like the (one|film|movie) about {plot}",
            ),
            helps=(
                "(suggest|recommend) (a film|a movie|something|a series)(| about {plot})(| for {count})(| {day})",
                "(tell|show) {me} (what to watch|a film|a good series)(| about {plot})(| {day})",
                "(entertain|surprise) {me} with a (film|movie|series) about {plot}",
            ),
            terse=(
                "(film|movie|series) about {plot}",
                "film {day}",
                "something to watch(| {day}| with {name})",
                "good (film|movie|series) {plot}",
            ),
            asks=(
                ("what", "watch {day}(| with {name})"),
                ("which film", "(watch|see|pick)(| {day})(| with {name})"),
                ("where", "find a (film|movie|series) about {plot}"),
            ),
        ),
    },
}

# Topics that no intent covers, in words that the intents use too.
OUT_OF_SCOPE: tuple[Intent, ...] = (
    Intent(
        acts=(
            "(check|find out|see) if it will (rain|snow|be sunny) in {city}(| {day})",
            "(check|see) (the weather|the forecast|how warm it gets) in {city}(| {day})",
        ),
        helps=(
            "tell {me} (what to wear|about the weather) in {city}(| {day})",
            "warn {me} about the (wind|heat) in {city}",
        ),
        terse=("weather {city}(| {day})", "(rain|snow|sun) {city} {day}"),
        asks=(("", "need an umbrella in {city}(| {day})"),),
    ),
    Intent(
        acts=(
            "translate (a table for {count}|where is the airport|the bill please|good morning) into (japanese|french|polish|swahili)",
            "(say|write) (one ticket|good evening|cheers|no alarm) in (spanish|greek|korean|dutch)",
            "(learn|practise) (the piano|to sing|to fly a plane|to cook for a living|chess|norwegian)",
        ),
        helps=(
            "(spell|pronounce) (reservation|restaurant|itinerary|{artist})(| for {me})",
            "(explain|define) (jet lag|inflation|al dente|a time zone|a chord|interest) to {me}",
        ),
        terse=("meaning of {song}", "(french|polish|thai) for (dinner|alarm|flight|money)"),
    ),
    Intent(
        acts=(
            "(fix|repair|clean) the (car|sink|bike|dishwasher|clock|phone|oven)(| {day})",
            "turn the (lights|heating|oven|fan) (on|off|down|up)(| at {time}| {day})",
            "(water|plant|cut) the (roses|tomatoes|hedge|lawn)(| {day})",
        ),
        helps=("(lock|open|close) the (garage|front door|blinds)(| at {time}| {day})",),
        terse=("lights (on|off)(| {time})", "heating {level}", "(garage|door) (open|locked)"),
    ),
    Intent(
        acts=(
            "(write|check|finish) (the|{my}) (essay|report|homework|poem|book review) about {plot}",
            "(work out|calculate) (how much {amount} is in euros|the square root of {level}|a tip of {level} percent)",
            "(find out|see|learn) who invented the (alarm clock|credit card|aeroplane|record player)",
        ),
        helps=(
            "tell {me} a (joke|story|riddle) about (a flight|a bank|a waiter|an alarm|{plot})",
            "(tell|show) {me} how (far|big|old) {city} is",
        ),
        terse=("{city} population", "capital of (peru|chad|norway)", "calories in {dish}"),
        asks=(("how many calories", "eat with {dish}"), ("how far", "live from {city}")),
    ),
    Intent(
        acts=(
            "(find|see|call) a (doctor|dentist|vet|plumber|lawyer) in {city}(| {day})",
            "(text|call|email) {name}(| about {event}| about {reason})",
            "(teach|walk|feed|train) the (dog|cat|parrot)(| {day}| at {time})",
        ),
        helps=("(text|call|email) {name}(| about {event}| about {reason})(| for {me})",),
        terse=("(call|text) {name}", "(vet|doctor|plumber) {city}"),
    ),
    Intent(
        acts=(
            "(find|rent|park) a (car|bike|van) (in|near) {city}(| {day})",
            "(change|get) (the password|a new passport|a visa|a new phone number)(| for {city})",
            "(find|complain about) (lost luggage|a rude waiter|a broken suitcase)(| from {airline})",
        ),
        helps=("(give|get) {me} directions to (the bank|{restaurant}|the airport|the cinema)",),
        terse=("{airline} (luggage|jobs|phone number)", "(parking|taxi|train) {city}"),
        asks=(("where", "(park|vote|recycle glass) in {city}"),),
    ),
    Intent(
        acts=(
            "(buy|sell|check the price of) (shares in {airline}|gold|a used car|a guitar)(| for {amount})",
            "(open|close|apply for) (an account|a mortgage|a loan|a pension)(| of {amount})",
            "see (who won|the score of) the (match|game|race)(| in {city})(| {day})",
        ),
        helps=("read {me} the (news|headlines|horoscope)(| from {city})(| {day})",),
        terse=("{airline} share price", "bank (opening hours|holiday|jobs)", "(score|news) {city}"),
    ),
)

SLOTS: dict[str, tuple[str, ...]] = {
    "time": (
        "({hour}|seven|eight|six|nine)(| am| pm|am|pm| o'clock)",
        "{hour}:(00|05|10|15|20|25|30|40|45|50|55)(| am| pm|)",
        "(half past|quarter past|quarter to|ten past|five to|twenty to) {hour}",
        "(six|seven|eight|nine|ten) (thirty|fifteen|forty five|twenty)",
        "(noon|midnight|midday|dawn|lunchtime|sunrise)",
        "(six|seven|eight|nine|ten|eleven) (in the (morning|evening)|sharp)",
    ),
    "hour": ("(1|2|3|4|5|6|7|8|9|10|11|12)",),
    "day": (
        "(today|tomorrow|tonight)",
        "(on |this |next |)(monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
        "(this|next) (week|weekend|month)",
        "(tomorrow|monday|friday|sunday) (morning|afternoon|evening|night)",
        "on the (1st|2nd|3rd|4th|7th|9th|10th|12th|15th|18th|21st|24th|30th)",
        "(on |)(january|march|april|may|june|july|august|october|november) (2|3|5|8|11|14|17|20|26|28|31)",
        "(in two days|in a week|the day after tomorrow|at the weekend|over christmas|at easter)",
    ),
    "duration": (
        "(2|3|4|5|6|8|10|12|15|20|25|30|40|45|50|90) (minutes|mins|min)",
        "(an hour|half an hour|two hours|an hour and a half|a quarter of an hour|one minute)",
        "(10|20|30|45|60|90) seconds",
        "(five|ten|fifteen|twenty|thirty|forty) minutes",
    ),
    "count": ("two", "three", "four", "five", "six", "eight", "2", "3", "4", "5", "6", "7", "10"),
    "amount": (
        "(5|10|15|20|25|30|40|50|60|75|80|100|120|150|200|250|300|400|500|750|1000)(| dollars| euros| pounds| bucks)",
        "$(5|8|12|18|20|35|45|60|85|99|110|140|230|320|475|600|1200)",
        "(twenty|thirty|fifty|sixty|a hundred|two hundred|a thousand) (dollars|euros|pounds)",
    ),
    "level": ("10", "15", "20", "30", "40", "50", "60", "75", "80", "half", "a third", "maximum"),
    "name": (
        "(anna|ben|carla|david|elena|farid|grace|hugo|ines|jonas|kofi|lena|marco|nadia|omar|priya)",
        "(quinn|rosa|samir|tess|umut|vera|walt|yuki|zoe|amir|bruno|chloe|dmitri|esther|felix|greta)",
        "(hana|ivan|julia|kenji|lucas|maya|nils|olga|pablo|rachel|stefan|tara|victor|wendy|malik)",
        "(mum|dad|my (brother|sister|boss|landlord|roommate|neighbour|aunt|cousin)|grandma|uncle joe)",
    ),
    "city": (
        "(paris|london|berlin|madrid|rome|lisbon|vienna|prague|oslo|helsinki|dublin|athens|warsaw)",
        "(new york|boston|chicago|denver|seattle|austin|miami|toronto|montreal|mexico city|lima)",
        "(tokyo|osaka|seoul|beijing|hanoi|bangkok|singapore|sydney|auckland|mumbai|delhi|dubai)",
        "(nairobi|lagos|cairo|tunis|accra|cape town|istanbul|zagreb|riga|porto|lyon|turin|ghent)",
    ),
    "airline": (
        "(lufthansa|klm|ryanair|easyjet|delta|united|emirates|iberia|finnair|qantas|air france)",
        "(north star air|blue heron|silver wing|pacific crane|polar jet)",
    ),
    "account": (
        "(checking|savings|current|joint|business|student|travel|household) account",
        "(savings|checking|holiday fund|rainy day fund|house fund)",
    ),
    "card": (
        "(credit |debit |bank |visa |business |)card",
        "(mastercard|amex|visa|gold card|blue card|card ending in (12|48|77|90))",
    ),
    "bill": (
        "(electricity|water|gas|phone|internet|credit card|heating|rent|council tax|insurance)",
        "(hotel|restaurant|dentist|car|gym|tv|film streaming|music subscription|airline|catering)",
    ),
    "merchant": (
        "(amazon|the supermarket|the petrol station|the pharmacy|the bookshop|netflix|spotify|ikea)",
        "{airline}",
        "{restaurant}",
        "the (hotel|cinema|bakery|gym|garage|record shop|phone company|airport shop) in {city}",
    ),
    "reason": (
        "(rent|dinner|lunch|the pizza|groceries|the gas bill|the concert tickets|the taxi|brunch)",
        "(the flight|the hotel|the trip to {city}|the film tickets|the present|the table at {restaurant})",
        "(the band|the guitar|the alarm clock|the birthday cake|the meeting room|the new speakers)",
    ),
    "restaurant": (
        "(luigi's|the golden fork|casa verde|the blue door|sakura|chez marie|the old mill)",
        "(spice route|the hungry bear|noodle house|el toro|la piazza|the red lantern|mama's kitchen)",
        "(bombay garden|the fish market|pho corner|the night train|table nine|the alarm bell)",
        "(terminal five|the first flight|the jazz cellar|the piano bar|the bank|midnight diner)",
    ),
    "cuisine": (
        "italian",
        "thai",
        "indian",
        "mexican",
        "japanese",
        "greek",
        "korean",
        "lebanese",
        "french",
        "vegan",
        "chinese",
        "ethiopian",
        "turkish",
        "spanish",
    ),
    "dish": (
        "(a |two |three |)(margherita pizzas|pepperoni pizza|cheeseburgers|burritos|tacos|kebabs)",
        "(pad thai|ramen|sushi|chicken curry|lasagne|spaghetti carbonara|falafel|paella|fried rice)",
        "(lentil soup|onion soup|tomato soup|mushroom risotto|beef stew|fish and chips|roast chicken)",
        "(pancakes|apple pie|banana bread|chocolate cake|cheesecake|tiramisu|brownies|scones)",
        "(dumplings|spring rolls|green curry|moussaka|goulash|chili|ratatouille|caesar salad|hummus)",
    ),
    "event": (
        "(meeting|team meeting|call|phone call|interview|workshop|lesson|budget meeting|stand-up)",
        "(dentist|doctor's appointment|haircut|eye test|yoga class|gym session|piano lesson|parents' evening)",
        "(lunch|dinner|brunch|coffee|drinks|birthday party|wedding|barbecue|wine tasting|cooking class)",
        "(film night|concert|band practice|trip to {city}|flight briefing|airport pick-up|bank appointment)",
    ),
    "task": (
        "(call|text|email|thank|visit|pick up) {name}",
        "(pay|settle) the {bill} bill",
        "(book|cancel|change) the (flight|hotel|table|dentist|trip to {city}|room)",
        "(order|cook|make|take out|buy|defrost) {dish}",
        "(send|transfer|give) {name} {amount}",
        "(set|turn off|check) the (alarm|oven|timer|heating)",
        "(water the plants|feed the cat|do the laundry|take the bins out|renew the passport|stretch)",
        "(check|track|move) the (balance|flight|order|meeting|calendar|savings)",
        "(buy|return|charge|bring) (milk|stamps|the library books|the keys|the tickets|the phone|flowers)",
        "(download|play|learn|practise) {song}",
        "(watch|record|return) the film about {plot}",
    ),
    "timed": (
        "for (the |)(pasta|eggs|rice|tea|pizza|cake|laundry|nap|workout|oven|steak|meditation)",
        "for (the call|the parking meter|the break|{dish}|my reading|the meeting|the boarding)",
    ),
    "purpose": (
        "for (the flight|the airport|the meeting|the interview|work|school|the gym|the early train)",
        "for (the {event}|{name}'s call|the match|the sunrise|breakfast|the dentist)",
        "to (catch the flight|cook|meet {name}|go for a run|call {city}|pack)",
    ),
    "genre": (
        "(jazz|rock|hip hop|classical music|techno|country|reggae|blues|soul|folk|metal|disco)",
        "(salsa|lo-fi beats|piano music|movie soundtracks|film music|bossa nova|christmas songs|ambient)",
    ),
    "artist": (
        "(the |)(velvet|paper|electric|silver|broken|midnight|northern|lazy|golden|hollow) (foxes|tables|pilots|clocks|lanterns|bankers|rivers|kitchens|wolves|alarms)",
        "(nina|otis|ella|johnny|miles|clara|sufjan|tito|bessie) (vale|monroe|okafor|lindqvist|rivera|stone|moreau|tanaka)",
    ),
    "song": (
        "(midnight flight|table for one|wake me at noon|paper money|blue alarm|hotel room blues)",
        "(cancel the moon|last train to {city}|a letter to {name}|ten more minutes|half past never)",
        "(pay me in roses|sunday dinner|slow boat home|no reservation|change my mind|check the weather)",
        "(golden hour|burning bridges|my savings and i|one way ticket|love on credit|the waiting room)",
    ),
    "playlist": (
        "(road trip|morning|workout|dinner|party|cooking|focus|sleep|wake up|summer|rainy day|airport)",
        "(running|study|sunday brunch|film night|beach|old favourites|payday|{genre}|{city})",
    ),
    "plot": (
        "(a bank robbery|time travel|a chef|a jazz band|a plane crash|a hotel|two pilots|a road trip)",
        "(space|dinosaurs|a detective|the war|chess|a haunted hotel|a lost dog|a pizza delivery boy)",
        "(a musician|stolen money|a wedding in {city}|cooking|robots|a spy in {city}|a long flight)",
    ),
    "context": (
        "(in the kitchen|in the bedroom|in the car|on the tv|on the phone|in the living room)",
        "(for dinner|for the flight|for the party|for my run|before bed|on the radio|while cooking)",
        "(at the restaurant|in the hotel|in the film|on the plane|during the meeting|by the pool)",
    ),
}

# Circumstances say nothing about the intent, and their words belong to other intents.
CIRCUMSTANCES = (
    "(before|after|during) (the|{my}) (flight|meeting|call|film|dinner|concert|lunch|lesson)",
    "on the way to (the airport|the bank|{restaurant}|the hotel|the cinema|work|{city})",
    "(at|from) (the airport|the bank|the restaurant|the hotel|the cinema|the gym|home)",
    "because of (the|{my}) (flight|meeting|bill|booking|bank|delivery|alarm|trip to {city})",
    "with (the|{my}) (music|timer|oven|film|alarm|tv) (still |)on",
    "with (the|{my}) (flight|dinner|meeting|payment|order|hotel) (at {time}|{day}|coming up)",
    "(in time for|ahead of) (the|{my}) (flight|film|dinner|{event}|call with {name})",
    "between (dinner and the film|the meeting and the flight|two calls|two songs|lunch and {time})",
    "despite the (late flight|cancelled order|loud music|blocked card|full calendar|long meeting)",
)
