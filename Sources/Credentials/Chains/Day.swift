internal import Foundation

enum Day {
    /// The day of a time in seconds since 1970, in UTC: 2026-01-01.
    static func words(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601.year().month().day())
    }

    /// Seconds from 1970 to the beginning of a day of the Gregorian calendar, in UTC. Years count from March on, so that the
    /// leap day is their last.
    static func seconds(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let months = month > 2 ? month - 3 : month + 9
        let leapDays = shifted / 4 - shifted / 100 + shifted / 400
        let days = shifted * 365 + leapDays + (months * 153 + 2) / 5 + day - 1
        return Int64(days - 719_468) * 86_400
    }
}
