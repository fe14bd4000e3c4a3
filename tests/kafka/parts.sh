# Where the test broker's parts are: read by `install` and `broker`, never run by itself.
# Sets kafka_home (a folder of the user's cache, which may not exist yet), java (empty where there is
# no Java 17 or newer), java_build and class_archive (which may not exist).

kafka_version="$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$(dirname "${BASH_SOURCE[0]}")/pom.xml")"
kafka_home="${XDG_CACHE_HOME:-$HOME/.cache}/hinge/kafka-$kafka_version"

java=
java_build=
for candidate in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)"; do
  if [ ! -x "$candidate" ]; then
    continue
  fi
  # The second line reads: OpenJDK Runtime Environment (build 17.0.15+6-Debian-1deb12u1)
  java_build="$("$candidate" -version 2>&1 | sed -n 's/.*Runtime Environment.*(build \([^),]*\).*/\1/p' | tr -c '[:alnum:].+\n' '-')"
  java_feature="${java_build%%[.+-]*}"
  if [ "${java_feature:-0}" -ge 17 ] 2>/dev/null; then
    java="$candidate"
    break
  fi
done

# An archive of loaded classes belongs to one build of Java; it makes a broker start in half the time.
class_archive="$kafka_home/classes-$java_build.jsa"
